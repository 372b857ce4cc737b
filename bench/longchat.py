"""Time from a question to the first word, in chats that are far longer than the context.

Through the session, the database and the engine's process, with a new engine for each length: what
is decoded is the same everywhere, so the ratio of the longest chat to the shortest is what length
itself costs. Target: under 1 s with 10,000 messages.

    python -m bench.longchat
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench import report
from vlmtui.chat.session import ChatSession
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

LENGTHS = (100, 1_000, 4_000, 10_000)
"""Messages."""


def long_chat(store: ChatStore, database: Database, messages: int) -> int:
    """A chat of questions and answers of a few words; returns its id."""
    with database.write():
        chat, last = store.start("long", user("Question 0: is there a circle?"))
        for number in range(1, messages):
            text = f"{'Answer' if number % 2 else 'Question'} {number}: is there a circle?"
            message = assistant(text) if number % 2 else user(text)
            last = store.add(chat.id, last.id, message)
    return chat.id


def first_word(load: Load, folder: Path, messages: int) -> float:
    """Seconds from sending a question to the first word of its answer."""
    database = Database(folder / "chats.db")
    store = ChatStore(database)
    chat = store.get(long_chat(store, database, messages))
    engine = EngineClient(folder / "engine.log")
    session = ChatSession(
        engine,
        store,
        ImageStore(folder / "images"),
        load,
        sampling=Sampling(temperature=0, max_tokens=4),
        chat=chat,
    )
    try:
        for _ in session.model.load():
            pass
        began = time.perf_counter()
        for event in session.send("What is there?"):
            if isinstance(event, Delta):
                return time.perf_counter() - began
        raise RuntimeError("the model said nothing")
    finally:
        session.close()
        database.close()


def main() -> None:
    parser = report.arguments(__doc__, repeats=3)
    report.add_model(parser, "demo")
    parser.set_defaults(threads=0)  # as the chat does: one for a model this small
    options = parser.parse_args()
    model = report.find_model(options.model)
    load = Load(Files(str(model.path), str(model.mmproj)), model.name, threads=options.threads)
    times: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for _ in range(options.repeats):
        for length, each in times.items():
            with tempfile.TemporaryDirectory() as name:
                each.append(first_word(load, Path(name), length))
    medians = {length: statistics.median(each) for length, each in times.items()}
    report.show(
        f"first word in a long chat, {model.name}",
        {
            "seconds": {str(length): report.spread(each) for length, each in times.items()},
            "ratio": round(medians[LENGTHS[-1]] / medians[LENGTHS[0]], 2),
        },
        [("messages", "seconds"), *((f"{n:,}", f"{each:.3f}") for n, each in medians.items())],
        options.json,
    )


if __name__ == "__main__":
    main()
