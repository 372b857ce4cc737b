"""What all commands of the plain chat stand on: the conversation, the voice, what is attached."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

import msgspec

from vlmtui import printable
from vlmtui.chat.comparison import Began, Exchanged
from vlmtui.chat.events import AnswerSaved, AnswerStarted
from vlmtui.chat.session import ChatSession
from vlmtui.chat.shelf import Shelf
from vlmtui.commands.context import CommandContext
from vlmtui.engine.base import Adjusted, Notice
from vlmtui.errors import InputError, StorageError, VlmtuiError
from vlmtui.hardware.base import Snapshot
from vlmtui.messages import ImagePart, Role
from vlmtui.plain.following import in_thread, interrupts
from vlmtui.plain.reading import Lines
from vlmtui.plain.turn import Told
from vlmtui.plain.voice import Voice
from vlmtui.settings import Preset
from vlmtui.stats.answer_costs import Pricing
from vlmtui.stats.engine_state import EngineState, begin, fold
from vlmtui.stats.image_costs import costs
from vlmtui.storage.records import StoredMessage

PAGE = 20
"""Lines of a list that are printed at a time."""

_NUMBERED = re.compile(r"#(\d{1,18})(?:\s+(.*))?", re.DOTALL)


class Means(msgspec.Struct, frozen=True):
    """What a sitting has at hand."""

    shelf: Shelf
    presets: Mapping[str, Preset] = {}
    samples: tuple[Path, ...] = ()
    """Pictures to offer for a first try."""


class Sitting:
    """The state between two lines.

    Attributes:
        session: The conversation.
        voice: Prints.
        lines: Reads.
        means: What else there is.
        waiting: Pictures that go with the next message.
        ended: The user wants to leave.
    """

    def __init__(self, session: ChatSession, voice: Voice, lines: Lines, means: Means) -> None:
        self.session = session
        self.voice = voice
        self.lines = lines
        self.means = means
        self.context = CommandContext(session, means.shelf, means.presets, means.samples)
        self.waiting: list[ImagePart] = []
        self.ended = False
        self._undo: list[Callable[[], object]] = []
        self._rest: Iterator[str] = iter(())
        self._gone: set[str] = set()
        self._pricing = Pricing()
        self._measuring = threading.Lock()
        self._first_measured = threading.Event()
        self._engine_state = EngineState(model=session.load_request.name)
        self._in_turn = False
        self._untold: SimpleQueue[object] = SimpleQueue()

    # ------------------------------------------------------------------ turns and loads

    def load_ahead(self) -> None:
        """Load while the user types; what there is to tell of it is told before the next answer.

        A failure is told by the first turn, which tries again.
        """
        with suppress(VlmtuiError):
            for event in self.session.load():
                self.notice(event)
                if isinstance(event, Adjusted | Notice):
                    self._untold.put(event)

    def answer(self, turn: Iterator[object]) -> None:
        """Tell a turn as it happens; Ctrl+C stops it, and what has come is kept.

        Raises:
            VlmtuiError: What the turn raises.
            KeyboardInterrupt: It was stopped, and nobody is there to go on.
        """
        told = self.follow(turn)
        if told.stopped:
            words = bool(told.answers and told.answers[-1].message.text.strip())
            self.voice.note(
                "Stopped; /continue goes on, /regen answers again"
                if words
                else "Stopped before there was an answer; /regen asks again"
            )

    def follow(self, events: Iterator[object], stop: Callable[[], object] | None = None) -> Told:
        """Tell what happens, until it has ended.

        The events are made in a thread: an exception in the midst of a frame would leave the
        conversation with the engine half-way.

        Args:
            events: What happens.
            stop: Done at Ctrl+C; nothing: what the session does is cancelled.

        Raises:
            VlmtuiError: What the iterator raises.
            KeyboardInterrupt: It was stopped, and nobody is there to go on.
        """
        told = Told(self.voice)
        while not self._untold.empty():
            told.follow(iter([self._untold.get()]))
        try:
            with interrupts(stop or self.session.cancel) as stopped:
                told.follow(map(self.notice, in_thread(events)))
        finally:
            self._in_turn = False
        told.stopped = stopped.is_set()
        if told.stopped and not self.lines.interactive:
            raise KeyboardInterrupt
        return told

    def notice(self, event: object) -> object:
        """Take note of an event; returns it, with the prices of an answer where it has some."""
        with self._measuring:
            if isinstance(event, AnswerStarted):
                self._pricing.begin()
                self._engine_state = begin(self._engine_state, monotonic())
                self._in_turn = True
            if isinstance(event, Began | Exchanged):
                self._engine_state = EngineState(model=event.model)
            self._engine_state = fold(self._engine_state, event, monotonic())
            self._pricing.timeline.saw(self._engine_state.phase)
            if not isinstance(event, AnswerSaved):
                return event
            self._in_turn = False
        return msgspec.structs.replace(event, stored=self._priced(event.stored))

    def measured(self, snapshot: Snapshot) -> None:
        """A second has passed; called in the monitor's thread."""
        with self._measuring:
            self._pricing.sample(snapshot, self._engine_state, in_turn=self._in_turn)
        self._first_measured.set()

    def _priced(self, answer: StoredMessage) -> StoredMessage:
        """An answer with what it took of the machine."""
        stats = answer.stats
        if stats is None:
            return answer
        with self._measuring:
            extra = self._pricing.taken(stats)
        extra |= self._pricing.bandwidth(stats, self._engine_state.info)
        if extra:
            with suppress(StorageError):  # the answer itself is safe, or was told not to be
                self.session.annotate(answer.id, extra)
        self._tell_gone(answer)
        return msgspec.structs.replace(answer, stats={**stats, **extra})

    def _tell_gone(self, answer: StoredMessage) -> None:
        """Say which pictures the model no longer sees, each once."""
        gone = {digest for digest, cost in costs(answer.stats).items() if cost.trimmed}
        new, self._gone = gone - self._gone, self._gone | gone
        if not new:
            return
        images = [image for stored in self.session.transcript() for image in stored.message.images]
        names = list(dict.fromkeys(image.name for image in images if image.sha256 in new))
        listed = ", ".join(printable.line(name, 40) for name in names)
        self.voice.note(f"No longer seen by the model: {listed}")

    # ------------------------------------------------------------------ for the commands

    def print_rows(self, rows: Iterator[str], nothing: str, advice: str = "") -> None:
        """Print the first rows of a list; `/more` goes on.

        Args:
            rows: Its lines.
            nothing: What is said where there are none.
            advice: What can be done with them.
        """
        self._rest = rows
        if not self.more():
            self.voice.note(nothing)
        elif advice:
            self.voice.note(advice)

    def more(self) -> bool:
        """Print the next rows of the last list; False where there are none."""
        printed = 0
        for row in self._rest:
            self.voice.show(row)
            printed += 1
            if printed == PAGE:
                self.voice.note("/more goes on with the list")
                break
        return printed > 0

    def numbered(self, argument: str) -> tuple[int | None, str]:
        """The `#17` that an argument begins with, if it does, and the rest."""
        match = _NUMBERED.fullmatch(argument.strip())
        return (int(match[1]), match[2] or "") if match else (None, argument.strip())

    def message(self, number: int) -> StoredMessage:
        """A message of what is shown of this chat.

        Raises:
            InputError: There is none of this number.
        """
        for stored in self.session.transcript():
            if stored.id == number:
                return stored
        raise InputError(
            f"There is no message #{number} in what is shown of this chat",
            "/show all lists the messages; /previous and /next show other versions",
        )

    def last(self, role: Role) -> StoredMessage:
        """The last question or answer.

        Raises:
            InputError: There is none.
        """
        for stored in reversed(self.session.transcript()):
            if stored.message.role is role:
                return stored
        raise InputError("There is nothing in this chat yet", "Ask something first")

    def meant(self, number: int | None, role: Role) -> StoredMessage:
        """A message by its number, or else the last one of a speaker."""
        return self.last(role) if number is None else self.message(number)

    def chat_id(self) -> int:
        """The number of this chat.

        Raises:
            InputError: It begins with its first question.
        """
        if self.session.chat is None:
            raise InputError("This chat has nothing in it yet", "Ask something first")
        return self.session.chat.id

    def attached(self, images: Sequence[ImagePart]) -> None:
        """Have pictures go with the next message."""
        for image in images:
            self.waiting.append(image)
            name = printable.line(image.name, 80)
            self.voice.note(f"Attached: {name}, {image.width}×{image.height}")
