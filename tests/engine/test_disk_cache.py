"""What engines keep on the disk saves time; whatever happens to it costs no more than that."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.engine import zoo
from tests.engine.asking import GREEDY, Answer
from tests.engine.conftest import demo_load
from tests.hosts import eventually
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Encoded, Encoding
from vlmtui.engine.engine_requests import DiskCache, Files, Generate, Prepare
from vlmtui.messages import Message, assistant, user

Start = Callable[..., EngineClient]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine-cache"


@pytest.fixture
def start(tmp_path: Path, folder: Path) -> Iterator[Start]:
    """Starts engines with one cache, whose disk is as fast as can be."""
    engines: list[EngineClient] = []
    folder.mkdir()
    (folder / "read-speed").write_text("1e15")

    def make(**changes: object) -> EngineClient:
        engine = EngineClient(tmp_path / f"engine-{len(engines)}.log")
        engines.append(engine)
        cache = DiskCache(str(folder), 1_000_000_000)
        list(engine.load(msgspec.structs.replace(demo_load(disk_cache=cache), **changes)))
        return engine

    yield make
    for engine in engines:
        engine.close()


def ask(engine: EngineClient, *messages: Message, chat: str = "") -> Answer:
    answer = Answer()
    for event in engine.generate(Generate(messages, GREEDY, chat)):
        answer.events.append(event)
        if isinstance(event, Delta):
            answer.text += event.text
    return answer


def kept(folder: Path, kind: str) -> list[Path]:
    return [folder / each.name for each in CacheFolder(folder).entries() if each.kind == kind]


def talk(engine: EngineClient, picture, chat: str = "a") -> tuple[Message, ...]:
    """Five questions about five pictures; then the engine has time."""
    told: tuple[Message, ...] = ()
    for seed in range(5):
        told = (*told, user("Describe the image.", (picture(seed=seed),)))
        told = (*told, assistant(ask(engine, *told, chat=chat).text))
    list(engine.prepare(Prepare(told, chat=chat)))
    return told


def kill(engine: EngineClient) -> None:
    os.kill(engine.pid or 0, 9)
    eventually(lambda: engine.pid is None)


def kept_talk(engine: EngineClient, picture, folder: Path) -> tuple[Message, ...]:
    """A talk whose state is on the disk."""
    told = talk(engine, picture)
    eventually(lambda: kept(folder, "chat"))
    return told


def talk_before_a_kill(start: Start, picture, folder: Path) -> tuple[Message, ...]:
    engine = start()
    told = kept_talk(engine, picture, folder)
    kill(engine)
    return told


def test_a_picture_is_not_encoded_by_a_later_engine(start: Start, picture, folder: Path) -> None:
    question = user("Describe the image.", (picture(),))
    first = ask(start(), question)
    assert first.of(Encoding)
    (path,) = kept(folder, "picture")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = ask(start(), question)
    assert not second.of(Encoding)
    assert [event.reused for event in second.of(Encoded)] == [True]
    assert second.text == first.text


def test_a_chat_goes_on_after_a_kill_without_reading_anything_again(
    start: Start, picture, folder: Path
) -> None:
    told = talk_before_a_kill(start, picture, folder)
    for path in kept(folder, "picture"):
        path.unlink()  # the state needs none of them
    (path,) = kept(folder, "chat")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    question = (*told, user("How many shapes were there?"))
    second = start()
    answer = ask(second, *question, chat="a")
    stats = answer.finished.stats
    assert not answer.of(Encoding)
    assert stats.prompt_tokens - stats.reused_tokens < 25
    cold = ask(start(disk_cache=None), *question)
    assert cold.finished.stats.reused_tokens == 0
    assert answer.text == cold.text


def test_what_was_not_written_yet_is_when_the_engine_ends(
    start: Start, picture, folder: Path
) -> None:
    engine = start()
    question = user("Describe the image. " * 20, (picture(),))
    said = ask(engine, question, chat="a").text
    assert not kept(folder, "chat")  # there was no time for it
    engine.close()
    assert kept(folder, "chat")
    stats = ask(start(), question, assistant(said), user("And?"), chat="a").finished.stats
    assert stats.prompt_tokens - stats.reused_tokens < 25
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_what_is_opened_is_brought_back_before_the_question(
    start: Start, picture, folder: Path
) -> None:
    told = talk_before_a_kill(start, picture, folder)
    second = start()
    events = list(second.prepare(Prepare(told, chat="a")))
    assert not [event for event in events if isinstance(event, Encoding)]
    stats = ask(second, *told, user("And?"), chat="a").finished.stats
    assert stats.prompt_tokens - stats.reused_tokens < 25


def test_a_chat_comes_back_after_another_had_the_engine(
    start: Start, picture, folder: Path
) -> None:
    engine = start()
    told = kept_talk(engine, picture, folder)
    ask(engine, user("Hello. " * 60), chat="b")
    stats = ask(engine, *told, user("And?"), chat="a").finished.stats
    assert stats.prompt_tokens - stats.reused_tokens < 25


@pytest.mark.parametrize("kind", ["qwen3.5", "lfm2-vl"])
def test_a_memory_that_cannot_go_back_brings_the_place_before_the_answer_along(
    start: Start, picture, folder: Path, tmp_path: Path, kind: str
) -> None:
    files = zoo.build(kind, tmp_path)
    of_kind = {"source": Files(str(files.model), str(files.mmproj))}
    engine = start(**of_kind)
    question = user("Describe the image. " * 20, (picture(),))
    first = ask(engine, question, chat="a")
    ask(engine, user("Hello"), chat="b")  # the state is taken as it is, nothing was read ahead
    eventually(lambda: kept(folder, "chat"))
    kill(engine)
    again = ask(start(**of_kind), question, assistant("No."), user("Why?"), chat="a")
    read = again.finished.stats.prompt_tokens - again.finished.stats.reused_tokens
    assert read <= again.finished.stats.prompt_tokens - first.finished.stats.prompt_tokens + 4
    assert not again.of(Encoding)
    cold = ask(start(**of_kind, disk_cache=None), question, assistant("No."), user("Why?"))
    assert again.text == cold.text


@pytest.mark.parametrize("damage", ["torn", "flipped", "emptied", "foreign"])
def test_damage_costs_time_and_nothing_else(
    start: Start, picture, folder: Path, damage: str
) -> None:
    told = talk_before_a_kill(start, picture, folder)
    for path in (*kept(folder, "chat"), *kept(folder, "picture")):
        content = bytearray(path.read_bytes())
        if damage == "torn":
            del content[len(content) // 2 :]
        elif damage == "flipped":
            content[len(content) * 2 // 3] ^= 1
        elif damage == "emptied":
            content.clear()
        else:
            content[:] = os.urandom(len(content))
        path.write_bytes(content)
    question = (*told, user("How many shapes were there?"))
    answer = ask(start(), *question, chat="a")
    cold = ask(start(disk_cache=None), *question)
    assert answer.text == cold.text
    assert len(answer.of(Encoding)) == 5


@pytest.mark.parametrize("changes", [{"ctx": 1024}, {"gpu_layers": 0}])
def test_a_state_is_for_the_same_load_only(
    start: Start, picture, folder: Path, changes: dict[str, object]
) -> None:
    told = talk_before_a_kill(start, picture, folder)
    question = (*told, user("How many shapes were there?"))
    answer = ask(start(**changes), *question, chat="a")
    assert answer.finished.stats.reused_tokens == 0
    assert answer.text == ask(start(**changes, disk_cache=None), *question).text


def test_a_deleted_chat_leaves_nothing_and_nothing_comes_after(
    start: Start, picture, folder: Path
) -> None:
    engine = start()
    told = kept_talk(engine, picture, folder)
    CacheFolder(folder).forget_chat("a")
    assert not kept(folder, "chat")
    ask(engine, user("Something else"), chat="b")  # what was left of it isn't kept now
    engine.close()
    assert not (folder / CacheFolder(folder).find("chat", "a").name).exists()
    assert told


def test_what_was_deleted_of_a_chat_does_not_come_to_the_disk(
    start: Start, picture, folder: Path
) -> None:
    engine = start()
    told = kept_talk(engine, picture, folder)
    CacheFolder(folder).forget_chat("a")  # as deleting its last messages does
    shorter = told[:4]
    list(engine.prepare(Prepare(shorter, chat="a")))
    ask(engine, user("Something else"), chat="b")  # what is there of it is kept now
    engine.close()
    stats = ask(start(), *told, user("And?"), chat="a").finished.stats
    assert stats.reused_tokens <= stats.prompt_tokens // 2


def test_a_slow_disk_is_left_alone(start: Start, picture, folder: Path) -> None:
    (folder / "read-speed").write_text("1")
    engine = start()
    talk(engine, picture)
    engine.close()
    assert not kept(folder, "chat") and not kept(folder, "picture")


def test_a_conversation_without_a_name_is_in_memory_while_others_are_answered(
    start: Start, picture
) -> None:
    """As a program asks that wants a title for its chat between two questions of it."""
    engine = start(disk_cache=None)
    told = talk(engine, picture, "")
    assert ask(engine, user("What should this chat be called?")).finished.stats.reused_tokens < 25
    question = (*told, user("How many shapes were there?"))
    answer = ask(engine, *question)
    stats = answer.finished.stats
    assert stats.prompt_tokens > 400
    assert stats.prompt_tokens - stats.reused_tokens < 25
    assert answer.text == ask(start(disk_cache=None), *question).text


def test_questions_without_a_chat_leave_no_state(start: Start, picture, folder: Path) -> None:
    engine = start()
    told = talk(engine, picture, "")
    engine.close()
    assert told and not kept(folder, "chat") and kept(folder, "picture")
