"""The engine on the architectures that people run, with small models of random weights (`zoo`).

A warm engine, asked one conversation after the other, must answer byte for byte like one that was
just loaded. What makes this comparison honest:
- Context and batch size are the same on both sides, and weights are float32: reading a prompt in
  other steps then changes logits by about 1e-7 of their size, so the most likely token stays so.
- Earlier answers in the compared conversations are texts that no model said. What a random model
  says reads back as other tokens than it sampled, and an engine that was just loaded can't know
  those: its prompt would differ, rightly.
- The answer depends on the picture, on its place and on the text before it, which is tested too: a
  stale cache would be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import pytest

from tests.engine import zoo
from tests.engine.asking import Answer, ask
from tests.engine.conftest import as_part
from tests.engine.zoo import pictures
from vlmtui import errors
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Encoded, Encoding, Finished, Prefill, Trimmed
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import ImagePart, Message, assistant, system, user

GREEDY = Sampling(temperature=0, max_tokens=16)
RECURRENT = ("lfm2-vl", "qwen3.5")
"""Kinds whose memory can't go back."""

DROPPING = ("qwen3.5",)
"""Kinds whose template has an empty thought of four tokens before the newest answer only."""


@dataclass
class Bench:
    """A kind of model in two engines."""

    name: str
    load: Load
    warm: EngineClient
    fresh: EngineClient

    def ask(self, *messages: Message) -> Answer:
        """Ask the engine that has answered before."""
        return ask(self.warm, *messages, sampling=GREEDY)

    def ask_cold(self, *messages: Message) -> Answer:
        """Ask a model that was just loaded."""
        load(self.fresh, self.load)
        answer = ask(self.fresh, *messages, sampling=GREEDY)
        assert answer.finished.stats.reused_tokens == 0
        return answer


def load(engine: EngineClient, request: Load) -> None:
    assert list(engine.load(request))[-1] == Finished("done")


@pytest.fixture(scope="module", params=zoo.KINDS)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    return zoo.build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def engines(files: zoo.Files) -> Iterator[Bench]:
    # steps smaller than a picture, so that reading one takes several where the model allows it
    request = Load(Files(str(files.model), str(files.mmproj)), files.model.stem, ctx=1024, batch=32)
    folder = files.model.parent
    warm, fresh = EngineClient(folder / "warm.log"), EngineClient(folder / "fresh.log")
    yield Bench(files.model.stem, request, warm, fresh)
    warm.close()
    fresh.close()


@pytest.fixture
def bench(engines: Bench) -> Bench:
    """Both engines, the warm one with nothing in its caches yet."""
    load(engines.warm, engines.load)
    return engines


@pytest.fixture(scope="module")
def paint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ImagePart]:
    """Draws a picture by number: `paint(1)`, `paint(1, 30, 400)`."""
    folder = tmp_path_factory.mktemp("pictures")
    return lambda number, *size: as_part(pictures.paint(folder, number, *size))


# ---------------------------------------------------------------------------------------- caching


def test_an_answer_depends_on_the_picture_and_on_its_place(bench, paint):
    question = "What color is the circle?"
    answers = {
        bench.ask(user(question, (paint(1),))).text,
        bench.ask(user(question, (paint(2),))).text,
        bench.ask(user(question, (paint(1), paint(2)))).text,
        bench.ask(user(question, (paint(2), paint(1)))).text,
        bench.ask(user("Hello"), assistant("Hello."), user(question, (paint(1),))).text,
        bench.ask(user(question)).text,
    }
    assert len(answers) == 6


def test_a_follow_up_encodes_and_reads_nothing_again(bench, paint):
    question = user("What color is the circle?", (paint(1),))
    first = bench.ask(question)
    assert len(first.of(Encoding)) == 1
    second = bench.ask(*first.followed_by((question,), user("And the image?")))
    before = first.finished.stats
    kept = before.prompt_tokens + before.generated_tokens - 1
    if bench.name in DROPPING:  # from the empty thought on, old answers stand otherwise
        kept = before.prompt_tokens - 4
    assert second.finished.stats.reused_tokens >= kept
    assert not second.of(Encoding)
    assert [(event.image, event.reused) for event in second.of(Encoded)] == [(0, True)]


def test_sampled_tokens_in_the_cache_are_those_of_the_prompt(bench, paint):
    question = user("What color is the circle?", (paint(1),))
    first = bench.ask(question)
    conversation = first.followed_by((question,), user("And the image?"))
    kept = bench.ask(*conversation)
    bench.ask(system("Another chat."), user("Hello"))  # the row is gone, the tokens are remembered
    again = bench.ask(*conversation)
    assert again.text == kept.text
    assert again.finished.stats.reused_tokens < kept.finished.stats.reused_tokens
    assert again.finished.stats.prompt_tokens == kept.finished.stats.prompt_tokens


def test_a_picture_of_another_chat_is_not_encoded_again(bench, paint):
    bench.ask(user("What is it?", (paint(1),)))
    bench.ask(user("What is it?", (paint(2),)))
    other = (system("Another chat."), user("What color?", (paint(1),)))
    answer = bench.ask(*other)
    assert not answer.of(Encoding)
    assert answer.finished.stats.encode_s == 0
    assert answer.text == bench.ask_cold(*other).text


def test_two_pictures_are_encoded_and_counted(bench, paint):
    one, two = paint(1), paint(2, 60, 100)
    pair = user("Which image is it?", (one, two))
    answer = bench.ask(pair)
    assert [(event.image, event.of) for event in answer.of(Encoding)] == [(1, 2), (2, 2)]
    counted = {event.image: event.tokens for event in answer.of(Encoded)}
    assert sorted(counted) == [0, 1]
    assert sum(counted.values()) == answer.finished.stats.image_tokens
    assert answer.text == bench.ask_cold(pair).text


def test_a_walk_of_edits_is_answered_like_by_a_fresh_engine(bench, paint):
    one, two, tall = paint(1), paint(2), paint(3, 40, 130)
    first = user("What color is the circle?", (one,))
    said = assistant("The circle is red, and there is a picture.")
    later = user("Compare it to this", (two,))
    walk: dict[str, tuple[Message, ...]] = {
        "start": (first,),
        "regenerate": (first,),
        "append": (first, said, user("What is there?")),
        "append a picture": (first, said, later),
        "append behind two": (first, said, later, assistant("It is."), user("Why?")),
        "regenerate behind two": (first, said, later, assistant("It is."), user("Why?")),
        "edit the last": (first, said, later, assistant("It is."), user("Why not?")),
        "edit the answer": (first, assistant("No."), later, assistant("It is."), user("Why?")),
        "swap the second": (first, said, user("Compare it to this", (tall,))),
        "swap the first": (user("What color is the circle?", (two,)), said, later),
        "back": (first, said, later),
        "twice the same": (first, said, user("Compare it to this", (one,))),
        "remove the second": (first, said, user("Compare it to this")),
        "remove the first": (user("What color is the circle?"), said, later),
        "edit the first": (user("What is the image?", (one,)), said, later),
        "cut": (user("What is the image?", (one,)),),
        "system": (system("Be brief."), first, said, later),
    }
    texts = set()
    for step, conversation in walk.items():
        warm, cold = bench.ask(*conversation), bench.ask_cold(*conversation)
        assert warm.text == cold.text, step
        ours, theirs = warm.finished.stats, cold.finished.stats
        assert ours.prompt_tokens == theirs.prompt_tokens, step
        assert ours.image_tokens == theirs.image_tokens, step
        assert ours.context_used == theirs.context_used, step
        texts.add(warm.text)
    assert len(texts) == len(walk) - 3  # two of them are the same question again, one is "back"


def test_edits_reuse_what_stands_before_them(bench, paint):
    first, said = user("What color is it?", (paint(1),)), assistant("The circle is red.")
    size = bench.ask(first).finished.stats.prompt_tokens
    bench.ask(first, said, user("What is there?"))
    edited = bench.ask(first, said, user("Why?"))
    again = bench.ask(first, said, user("Why?"))
    dropped = 4 if bench.name in DROPPING else 0
    # a memory that can't go back does so to where the first prompt ended, but for its last token
    assert edited.finished.stats.reused_tokens >= size - (dropped or bench.name in RECURRENT)
    last = (dropped or 1) if bench.name in RECURRENT else 1
    assert again.finished.stats.reused_tokens == again.finished.stats.prompt_tokens - last
    assert not edited.of(Encoding) and not again.of(Encoding)


def test_behind_each_picture_the_prefill_is_told_and_never_goes_back(bench, paint):
    events = bench.ask(user("What are they?", (paint(1), paint(2)))).events
    ends = [at for at, event in enumerate(events) if isinstance(event, Encoded)]
    assert len(ends) == 2
    assert all(isinstance(events[at + 1], Prefill) for at in ends)
    done = [event.done for event in events if isinstance(event, Prefill) and event.reused == 0]
    assert done == sorted(done)
    assert len(set(done)) > 3


# -------------------------------------------------------------------------------------- cancelling


def test_after_a_cancel_in_mid_prefill_the_answer_is_right(bench, paint):
    asked = user("What color is the circle, and what is there? " * 40, (paint(1),))
    for number in range(5):
        question = user(f"{number} {asked.text}", asked.images)
        stream = bench.warm.generate(Generate((question,), GREEDY))
        for event in stream:
            if isinstance(event, Prefill) and event.done > 256:
                bench.warm.cancel()
                break
        stats = next(event for event in stream if isinstance(event, Finished))
        if stats.reason == "cancelled":
            break
    assert stats.reason == "cancelled"
    answer = bench.ask(question)
    assert answer.text == bench.ask_cold(question).text
    assert answer.finished.stats.reused_tokens > 0


def test_after_a_cancel_at_a_picture_the_answer_is_right(bench, paint):
    for number in range(5):  # on a busy machine it may come too late
        question = user("Which is it?", tuple(paint(20 + 3 * number + each) for each in range(3)))
        stream = bench.warm.generate(Generate((question,), GREEDY))
        for event in stream:
            if isinstance(event, Encoding):
                bench.warm.cancel()
                break
        reason = list(stream)[-1].reason
        if reason == "cancelled":
            break
    assert reason == "cancelled"
    assert bench.ask(question).text == bench.ask_cold(question).text


# ----------------------------------------------------------------------------------------- limits


def test_a_conversation_that_outgrows_the_context_goes_on_without_its_beginning(bench, paint):
    conversation: tuple[Message, ...] = ()
    for turn in range(60):
        question = user("What color is the circle, and what is there?", (paint(turn % 5),))
        conversation = (*conversation, question)
        answer = bench.ask(*conversation)
        assert answer.finished.stats.context_used <= 1024
        if trimmed := answer.of(Trimmed):
            break
        conversation = (*conversation, assistant("There is a red circle and a picture. " * 3))
    dropped = trimmed[0].dropped
    assert dropped >= 2 and trimmed[0].images == dropped // 2
    assert answer.text == bench.ask_cold(*conversation[dropped:]).text
    conversation = (*conversation, assistant("There it is."), user("Why?"))
    answer = bench.ask(*conversation)
    assert answer.of(Trimmed)[0].dropped == dropped
    assert answer.text == bench.ask_cold(*conversation[dropped:]).text


def test_too_many_pictures_for_the_context_are_an_error_with_the_numbers(bench, paint):
    many = tuple(paint(number % 5) for number in range(200))
    with pytest.raises(errors.ContextOverflow, match="1,024"):
        bench.ask(user("Which is it?", many))
    assert bench.ask(user("Hello")).text


def test_an_answer_ends_where_the_context_is_full(bench, paint):
    load(bench.warm, msgspec.structs.replace(bench.load, ctx=256))
    question = user("What is it?", (paint(1),))
    answer = ask(bench.warm, question, sampling=Sampling(temperature=0))
    assert answer.finished.reason == "context"
    stats = answer.finished.stats
    assert stats.context_used == stats.context_size == 256
    assert stats.generated_tokens == 256 - stats.prompt_tokens + 1
    assert answer.text.startswith(bench.ask(question).text)


def test_the_size_of_a_step_changes_nothing(bench, paint):
    question = user("Which is it?", (paint(1), paint(2)))
    small = bench.ask(question).text
    load(bench.warm, msgspec.structs.replace(bench.load, batch=512))
    assert bench.ask(question).text == small


def test_a_photo_is_made_smaller_rather_than_fill_the_context(bench, paint):
    photo = paint(1, 2400, 1800)
    load(bench.warm, msgspec.structs.replace(bench.load, ctx=256))
    answer = bench.ask(user("What is it?", (photo,)))
    assert 0 < answer.finished.stats.image_tokens <= 192
    (encoded,) = answer.of(Encoded)
    if bench.name in ("qwen2.5-vl", "qwen3-vl", "qwen3.5", "lfm2-vl"):  # by the pixel
        assert encoded.scaled_to < (photo.width, photo.height)
    else:  # these bring every picture to sizes of their own
        assert encoded.scaled_to is None
    assert not bench.ask(user("What is it?", (photo,)), assistant("It."), user("Why?")).of(Encoding)


@pytest.mark.parametrize("template", ["", "{{ messages[0]['content'] }}"])
def test_a_template_that_leaves_nothing_to_answer_to_is_an_error(bench, paint, template):
    load(bench.warm, msgspec.structs.replace(bench.load, template=template))
    ends_with_text = template and bench.name != "llava-1.6-mistral"  # libmtmd puts some behind
    begins_with_text = bench.name in ("llava-1.6-mistral", "gemma-3", "smolvlm2", "lfm2-vl")
    if ends_with_text or (not template and begins_with_text):
        assert bench.ask(user("", (paint(1),))).text
    else:
        with pytest.raises(errors.GenerateFailed, match="template"):
            bench.ask(user("", (paint(1),)))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 900), (900, 1), (27, 29), (1600, 1200)])
def test_pictures_of_any_size_are_seen_or_refused(bench, paint, width, height):
    question = user("What is it?", (paint(1, width, height),))
    try:
        answer = bench.ask(question)
    except errors.EngineCrashed:
        raise
    except errors.EngineError as error:
        assert "picture" in str(error)
        assert bench.ask(user("Hello")).text
    else:
        assert answer.finished.stats.image_tokens > 0
        assert answer.text == bench.ask_cold(question).text


def test_an_answer_that_was_cut_off_goes_on_as_if_it_never_was(bench, paint):
    question = user("What color is the circle?", (paint(1),))
    whole = bench.ask(question).text
    short = msgspec.structs.replace(GREEDY, max_tokens=5)
    part = ask(bench.warm, question, sampling=short)
    rest = bench.ask(question, assistant(part.text))
    assert (part.text + rest.text).startswith(whole)
    assert rest.finished.stats.reused_tokens >= part.finished.stats.prompt_tokens
