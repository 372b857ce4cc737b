"""Memories that can't go back return to checkpoints: recurrent layers, on models of the zoo."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from tests.engine import zoo
from tests.engine.asking import ask
from tests.engine.conftest import as_part
from tests.engine.zoo import pictures
from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Finished, Prefill
from vlmtui.engine.engine_requests import Files, Generate, Load, Prepare, Sampling
from vlmtui.messages import ImagePart, Message, assistant, system, user

GREEDY = Sampling(temperature=0, max_tokens=12)
OTHER = 99
"""A token that no row of these tests has."""


class Silence:
    """A `TurnReport` that tells nobody."""

    def encoding(self, number: int, of: int) -> None: ...

    def encoded(self, sha256: str, seconds: float) -> None: ...

    def progress(self, done: int) -> None: ...


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    return zoo.build("qwen3.5", tmp_path_factory.mktemp("qwen3.5"))


@pytest.fixture(scope="module")
def model(files: zoo.Files) -> Iterator[LoadedModel]:
    loaded = LoadedModel(Load(Files(str(files.model)), ctx=512), CancelFlag(), lambda _done: None)
    yield loaded
    loaded.close()


@pytest.fixture
def state(model: LoadedModel) -> int:
    """Bytes of a checkpoint."""
    cache = KvCache(model, None, model.cancel, Load(Files("")))
    read(cache, [1, 2])
    size = cpp.llama_state_seq_get_size_ext(
        model.context, 0, cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
    )
    cache.clear()
    cache.close()
    assert size > 1000
    return size


def read(cache: KvCache, row: Sequence[int], settled: int = 0) -> int:
    """Bring the cache to a row; returns how many units of it were there."""
    kept = cache.keep(row)
    cache.prefill(row, {}, Silence(), settled)
    return kept


@pytest.fixture
def cache(model: LoadedModel, state: int, request: pytest.FixtureRequest) -> Iterator[KvCache]:
    """With room for so many checkpoints."""
    limit = Load(Files(""), checkpoint_bytes=request.param * state, batch=64)
    cache = KvCache(model, None, model.cancel, limit)
    cache.clear()
    yield cache
    cache.close()


def row(*lengths: int) -> list[int]:
    """A row in pieces of so many units; the next piece leaves the others as they are."""
    return [1 + at % 90 for at in range(sum(lengths))]


@pytest.mark.parametrize("cache", [4], indirect=True)
def test_a_row_that_parts_from_the_last_is_read_from_where_they_part(cache: KvCache) -> None:
    assert read(cache, row(40), settled=30) == 0
    assert read(cache, [*row(30), OTHER, OTHER], settled=31) == 30
    assert read(cache, [*row(30), OTHER, 5, 6]) == 31
    assert read(cache, row(40)) == 30
    assert read(cache, [*row(20), OTHER]) == 0


@pytest.mark.parametrize("cache", [4], indirect=True)
def test_a_row_that_goes_on_needs_no_checkpoint(cache: KvCache) -> None:
    read(cache, row(40))
    assert read(cache, row(40, 10)) == 40


@pytest.mark.parametrize("cache", [4], indirect=True)
def test_what_stood_behind_is_not_returned_to_when_another_row_was_read(cache: KvCache) -> None:
    read(cache, row(20), settled=10)
    read(cache, row(40), settled=30)
    read(cache, [*row(10), OTHER, OTHER])
    assert read(cache, row(40)) == 10


@pytest.mark.parametrize("cache", [3], indirect=True)
def test_the_least_useful_goes_where_room_is_short(cache: KvCache) -> None:
    for settled in (100, 105, 200, 210):
        read(cache, row(settled, 5), settled)
    assert read(cache, [*row(210), OTHER]) == 210
    assert read(cache, [*row(209), OTHER]) == 200
    assert read(cache, [*row(199), OTHER]) == 100


@pytest.mark.parametrize("cache", [1], indirect=True)
def test_the_newest_stays_where_there_is_room_for_one(cache: KvCache) -> None:
    for settled in (100, 105):
        read(cache, row(settled, 5), settled)
    assert read(cache, [*row(105), OTHER]) == 105
    assert read(cache, [*row(104), OTHER]) == 0


@pytest.mark.parametrize("cache", [0], indirect=True)
def test_without_room_all_is_read_again(cache: KvCache) -> None:
    read(cache, row(40), settled=30)
    assert read(cache, [*row(30), OTHER]) == 0


@pytest.mark.parametrize("cache", [1], indirect=True)
def test_a_long_text_that_is_broken_off_is_gone_on_with(cache: KvCache, model: LoadedModel) -> None:
    class Impatient(Silence):
        def progress(self, done: int) -> None:
            if done == 192:
                model.cancel.set()

    try:
        cache.keep(row(400))
        with pytest.raises(Aborted):
            cache.prefill(row(400), {}, Impatient(), 395)
    finally:
        model.cancel.clear()
    assert read(cache, row(400), settled=395) == 192
    assert read(cache, [*row(395), OTHER]) == 395


# ----------------------------------------------------------------------------------- conversations


class Walk:
    """A conversation that is edited at random."""

    def __init__(self, seed: int, paint) -> None:
        self._chance = random.Random(seed)
        self._paint = paint
        self.messages: list[Message] = [self._question()]

    def step(self) -> str:
        """Change something; the conversation ends with a question then as well."""
        kinds = (
            self.follow,
            self.follow,
            self.follow,
            self.edit,
            self.answer,
            self.cut,
            self.leave,
        )
        kind = self._chance.choice(kinds)
        kind()
        return kind.__name__

    def follow(self) -> None:
        self.messages += [assistant(self._words()), self._question()]

    def edit(self) -> None:
        at = self._chance.choice(
            [at for at, each in enumerate(self.messages) if each.role.value == "user"][-2:]
        )
        self.messages[at] = self._question()

    def answer(self) -> None:
        for at in range(len(self.messages) - 2, 0, -1):
            if self.messages[at].role.value == "assistant":
                self.messages[at] = assistant(self._words())
                return

    def cut(self) -> None:
        if len(self.messages) > 2:
            del self.messages[-2:]

    def leave(self) -> None:
        start = [system(self._words())] if self._chance.random() < 0.5 else []
        self.messages = [*start, self._question()]

    def _question(self) -> Message:
        many = self._chance.choice((0, 0, 1, 1, 2))
        seen: tuple[ImagePart, ...] = tuple(
            self._paint(self._chance.randrange(4), self._chance.choice((40, 90)), 60)
            for _ in range(many)
        )
        return user(self._words(), seen)

    def _words(self) -> str:
        words = ("what", "is", "the", "circle", "color", "there", "why", "\n", "a picture?", "no")
        return " ".join(self._chance.choices(words, k=self._chance.randint(1, 12))).strip() or "hm"


@pytest.mark.parametrize("kept", [64, 3])
@pytest.mark.parametrize("kind", ["qwen3.5", "lfm2-vl", "gemma-3"])
def test_a_random_walk_is_answered_like_by_a_fresh_engine(kind, kept, tmp_path, state) -> None:
    files = zoo.build(kind, tmp_path)
    request = Load(
        Files(str(files.model), str(files.mmproj)),
        ctx=2048,
        batch=32,
        checkpoint_bytes=kept * state,
    )
    warm, fresh = EngineClient(tmp_path / "warm.log"), EngineClient(tmp_path / "fresh.log")
    assert list(warm.load(request))[-1] == Finished("done")
    chance = random.Random(f"{kind} {kept}")
    walk = Walk(kept, lambda *what: as_part(pictures.paint(tmp_path, *what)))
    try:
        for number in range(20):
            said = f"{number}: {walk.step()}"
            if chance.random() < 0.3:
                written = Message(walk.messages[-1].role, walk.messages[-1].parts[:-1])
                list(warm.prepare(Prepare((*walk.messages[:-1], written))))
            if chance.random() < 0.2:
                stop(warm, walk.messages, chance)
            answer = ask(warm, *walk.messages, sampling=GREEDY)
            list(fresh.load(request))
            cold = ask(fresh, *walk.messages, sampling=GREEDY)
            assert cold.finished.stats.reused_tokens == 0
            assert answer.text == cold.text, said
            assert answer.finished.stats.context_used == cold.finished.stats.context_used, said
    finally:
        warm.close()
        fresh.close()


def stop(engine: EngineClient, messages: Sequence[Message], chance: random.Random) -> None:
    """Ask, and cancel after some event."""
    after = chance.randrange(12)
    for number, event in enumerate(engine.generate(Generate(tuple(messages), GREEDY))):
        if number == after and isinstance(event, (Prefill, Delta)):
            engine.cancel()


def test_what_was_read_ahead_is_left_again_without_the_answer_before_it(files, tmp_path) -> None:
    engine = EngineClient(tmp_path / "engine.log")
    list(engine.load(Load(Files(str(files.model)), ctx=1024)))
    try:
        before = (user("What is it?"), assistant("It is the picture. " * 20))
        after = {}
        for ahead in ("", "What color is the circle?"):
            ask(engine, *before, user("Hello"), sampling=GREEDY)
            conversation = (*before, user("Hello"), assistant("No. " * 30))
            for end in range(0, len(ahead) + 1, 8):
                list(engine.prepare(Prepare((*conversation, user(ahead[:end])))))
            after[ahead] = ask(engine, *conversation, user("Why?"), sampling=GREEDY)
        read_ahead, plain = after["What color is the circle?"], after[""]
        assert read_ahead.text == plain.text
        assert read_ahead.finished.stats.reused_tokens >= plain.finished.stats.reused_tokens - 2
    finally:
        engine.close()


@pytest.mark.parametrize("kind", zoo.KINDS)
def test_a_second_question_reads_its_own_words_and_the_last_answer(kind, tmp_path) -> None:
    files = zoo.build(kind, tmp_path)
    engine = EngineClient(tmp_path / "engine.log")
    list(engine.load(Load(Files(str(files.model), str(files.mmproj)), ctx=1024)))
    first = user("What is it?", (as_part(pictures.paint(tmp_path, 1)),))
    short = msgspec.structs.replace(GREEDY, max_tokens=8)
    try:
        answer = ask(engine, first, sampling=short)
        before = answer.finished.stats
        after = ask(engine, *answer.followed_by((first,), user("Why?")), sampling=short).finished
        again = 4 if kind == "qwen3.5" else 0  # the empty thought stands before the new answer
        read_again = after.stats.prompt_tokens - after.stats.reused_tokens
        assert read_again <= after.stats.prompt_tokens - before.prompt_tokens + again
    finally:
        engine.close()


def test_a_thought_that_leaves_the_prompt_costs_only_the_answer_behind_it(files, tmp_path) -> None:
    request = Load(Files(str(files.model), str(files.mmproj)), ctx=1024)
    warm, cold = EngineClient(tmp_path / "warm.log"), EngineClient(tmp_path / "cold.log")
    list(warm.load(request))
    list(cold.load(request))
    thinking = msgspec.structs.replace(GREEDY, think=16, max_tokens=32)
    first = user("What is it?", (as_part(pictures.paint(tmp_path, 1)),))
    try:
        answer = ask(warm, first, sampling=thinking)
        before = answer.finished.stats
        assert before.thought_tokens >= 16 and answer.text
        follow_up = answer.followed_by((first,), user("Why?"))
        after = ask(warm, *follow_up, sampling=thinking)
        stats = after.finished.stats
        opened = 2  # of the first prompt's tokens: they stand before the second thought now
        assert stats.reused_tokens == before.prompt_tokens - opened
        assert after.text == ask(cold, *follow_up, sampling=thinking).text
    finally:
        warm.close()
        cold.close()
