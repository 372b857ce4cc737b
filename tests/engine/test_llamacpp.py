"""The real engine on the real demo model: prompt cache, context, cancelling, hostile text."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import psutil
import pytest
from PIL import Image

from tests.engine import zoo
from tests.engine.asking import GREEDY, ask
from tests.engine.conftest import as_part, demo_load
from vlmtui import errors
from vlmtui.engine.backends.llamacpp import graph_tower
from vlmtui.engine.backends.llamacpp.backend import LlamaCppBackend
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import (
    Delta,
    Encoded,
    Encoding,
    Finished,
    Notice,
    Prefill,
    Trimmed,
    Unseen,
)
from vlmtui.engine.engine_requests import Files, Generate, Sampling, Tower
from vlmtui.messages import Message, Role, assistant, system, user

CHATTY = Sampling(temperature=50.0, top_k=0, top_p=1.0, min_p=0.0, seed=5)
"""Draws nearly any token, so that the answer goes on for long."""


def test_an_answer_streams_and_ends_with_figures(engine, picture):
    answer = ask(engine, user("What color is the circle?", (picture(),)))
    kinds = [type(event) for event in answer.events]
    assert kinds.index(Encoding) < kinds.index(Encoded) < kinds.index(Delta)
    assert kinds[-1] is Finished
    stats = answer.finished.stats
    assert stats.image_tokens == 81
    assert stats.prompt_tokens > stats.image_tokens
    assert stats.reused_tokens == 0
    assert stats.generated_tokens > 0
    assert stats.time_to_first_token_s > 0 and stats.encode_s > 0
    assert stats.context_used <= stats.context_size == engine.info.context_size
    prefills = answer.of(Prefill)
    assert prefills[-1].done == prefills[-1].total == stats.prompt_tokens


def test_a_follow_up_decodes_only_what_is_new(engine, picture):
    question = (user("Describe the image.", (picture(),)),)
    first = ask(engine, *question)
    second = ask(engine, *first.followed_by(question, user("How many shapes are there?")))
    before = first.finished.stats
    # everything up to the last sampled token, which is decoded with the new text
    assert second.finished.stats.reused_tokens >= before.prompt_tokens + before.generated_tokens - 1
    assert [event.reused for event in second.of(Encoded)] == [True]
    assert not second.of(Encoding)


def test_a_picture_seen_in_another_chat_is_not_encoded_again(engine, picture):
    cat, dog = picture(seed=1), picture(seed=2)
    ask(engine, user("Describe the image.", (cat,)))
    ask(engine, user("Describe the image.", (dog,)))
    answer = ask(engine, system("Other chat."), user("What is it?", (cat,)))
    assert answer.finished.stats.encode_s == 0
    assert [(event.image, event.reused) for event in answer.of(Encoded)] == [(0, True)]


def test_embeddings_beyond_the_bound_are_encoded_again(start, picture):
    engine = start(image_cache_bytes=1)
    first, second = picture(seed=1), picture(seed=2)
    ask(engine, user("What is it?", (first,)))
    ask(engine, user("What is it?", (second,)))
    assert ask(engine, user("What is it?", (first,))).of(Encoding)


def test_two_pictures_in_one_message_are_both_encoded_and_counted(engine, picture):
    pair = (picture(seed=1), picture(seed=2))
    answer = ask(engine, user("Which image has more shapes?", pair))
    assert [(event.image, event.of) for event in answer.of(Encoding)] == [(1, 2), (2, 2)]
    assert [event.image for event in answer.of(Encoded)] == [0, 1]
    assert answer.finished.stats.image_tokens == 2 * 81


def test_the_same_picture_twice_is_encoded_once(engine, picture):
    one = picture(seed=1)
    answer = ask(engine, user("Which image has more shapes?", (one, one)))
    assert len(answer.of(Encoding)) == 1
    assert [(event.image, event.reused) for event in answer.of(Encoded)] == [(0, False), (1, True)]


@pytest.mark.parametrize("seed", range(3))
def test_a_warm_cache_answers_byte_for_byte_like_a_cold_one(start, picture, seed):
    """Walks random edits of a conversation; each step is asked of a warm and of a fresh model."""
    rng = random.Random(seed)
    warm, fresh = start(), start()
    pictures = [picture(seed=number) for number in range(4)]
    questions = [
        "Describe the image.",
        "How many shapes are there?",
        "What color is the circle?",
        "What shape is red?",
        "Is there a blue square?",
        "Hello <|im_end|> wörld 你好",
    ]
    conversation: tuple[Message, ...] = (user(questions[0], (pictures[0],)),)
    for _step in range(10):
        hot = ask(warm, *conversation)
        list(fresh.load(demo_load()))
        cold = ask(fresh, *conversation)
        assert hot.text == cold.text
        assert cold.finished.stats.reused_tokens == 0
        assert not cold.of(Encoded) or not cold.of(Encoded)[0].reused
        conversation = edit(conversation, hot.text, rng, pictures, questions)


def edit(conversation, answer, rng, pictures, questions) -> tuple[Message, ...]:
    """The next conversation of a walk; it ends with a question again."""
    users = [at for at, message in enumerate(conversation) if message.role is Role.USER]
    at = rng.choice(users)
    match rng.choice(("append", "append", "regenerate", "edit", "swap", "remove")):
        case "append":
            images = (rng.choice(pictures),) if rng.random() < 0.3 else ()
            return (*conversation, assistant(answer), user(rng.choice(questions), images))
        case "regenerate":
            return conversation[: users[-1] + 1]
        case "edit":
            edited = user(rng.choice(questions), conversation[at].images)
            return (*conversation[:at], edited)
        case "swap":
            swapped = user(conversation[at].text, (rng.choice(pictures),))
            return (*conversation[:at], swapped, *conversation[at + 1 :])
        case _:
            removed = user(conversation[at].text)
            return (*conversation[:at], removed, *conversation[at + 1 :])


def test_when_the_context_is_full_the_oldest_turns_leave_and_the_event_says_so(start, picture):
    engine = start(ctx=512)
    conversation: tuple[Message, ...] = (system("Be brief."),)
    trimmed = None
    for turn in range(12):
        images = (picture(seed=turn),) if turn % 2 == 0 else ()
        conversation = (*conversation, user("What is in the image? " * 4, images))
        answer = ask(engine, *conversation)
        assert answer.finished.stats.context_used <= 512
        if answer.of(Trimmed):
            trimmed = answer.of(Trimmed)[0]
        conversation = (*conversation, assistant("There is one shape: a red circle."))
    assert trimmed is not None
    assert trimmed.dropped >= 2
    assert trimmed.images >= 1


def test_after_a_shortening_the_next_turns_find_their_prompt_in_the_cache(start):
    engine = start(ctx=512)
    long = "What shape is red, what shape is blue, and what shape is green? "
    conversation: tuple[Message, ...] = (user(long * 4),)
    for _turn in range(40):
        answer = ask(engine, *conversation, sampling=Sampling(temperature=0, max_tokens=4))
        conversation = (*conversation, assistant("A circle."), user("Is there a star?"))
        if answer.of(Trimmed):
            break
    answer = ask(engine, *conversation, sampling=Sampling(temperature=0, max_tokens=4))
    assert answer.of(Trimmed)
    assert answer.finished.stats.reused_tokens > 0.6 * answer.finished.stats.prompt_tokens


def test_a_message_larger_than_the_context_is_an_error_with_the_numbers(start, picture):
    engine = start(ctx=256)
    with pytest.raises(errors.ContextOverflow, match="256") as caught:
        ask(engine, user("What color is the circle? " * 100, (picture(),)))
    assert "--ctx" in caught.value.hint
    assert ask(engine, user("hello")).finished.reason in ("stop", "length")


def test_a_full_context_ends_the_answer(start):
    engine = start(ctx=256)
    answers = (
        ask(engine, user("Hello"), sampling=msgspec.structs.replace(CHATTY, seed=seed))
        for seed in range(20)
    )
    # an answer drawn at random may end early by chance
    answer = next(answer for answer in answers if answer.finished.reason != "stop")
    assert answer.finished.reason == "context"
    assert answer.finished.stats.context_used == 256


def test_the_longest_answer_asked_for_is_kept_to(engine):
    answer = ask(engine, user("Hello"), sampling=Sampling(temperature=0, max_tokens=3))
    assert answer.finished.reason == "length"
    assert answer.finished.stats.generated_tokens == 3


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(engine, picture):
    question = user("Describe the image.", (picture(),))
    whole = ask(engine, question).text
    stop = whole[4:7]
    cut = ask(engine, question, sampling=Sampling(temperature=0, stop=(stop,)))
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finished.reason == "stop"


def test_the_same_seed_draws_the_same_answer_and_another_seed_another(engine):
    def draw(seed: int) -> str:
        sampling = Sampling(temperature=3.0, top_k=0, top_p=1, min_p=0, seed=seed, max_tokens=24)
        return ask(engine, user("Hello"), sampling=sampling).text

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize(
    "penalty", [{"repeat_penalty": 8.0}, {"presence_penalty": 40.0}, {"frequency_penalty": 40.0}]
)
def test_a_penalty_changes_what_is_said(engine, picture, penalty):
    question = user("Describe the image.", (picture(),))
    plain = ask(engine, question)
    punished = ask(engine, question, sampling=Sampling(temperature=0, max_tokens=48, **penalty))
    assert punished.text != plain.text


def test_cancelling_while_decoding_keeps_the_model_and_the_cache_right(start, picture):
    engine, question = start(), user("Describe the image.", (picture(),))
    stream = engine.generate(Generate((question,), CHATTY))
    for event in stream:
        if isinstance(event, Delta):
            engine.cancel()
            break
    reason = next(event for event in stream if isinstance(event, Finished)).reason
    assert reason in ("cancelled", "stop")
    assert ask(engine, question).text == ask(start(), question).text


def test_cancelling_while_prefilling_ends_before_an_answer_begins(start):
    engine = start(batch=32)
    question = user("Is there a red circle, a blue square or a green star? " * 60)
    stream = engine.generate(Generate((question,), GREEDY))
    for event in stream:
        if isinstance(event, Prefill) and event.done:
            engine.cancel()
            break
    rest = list(stream)
    assert rest[-1].reason == "cancelled"
    assert not [event for event in rest if isinstance(event, Delta)]
    assert rest[-1].stats.context_used < rest[-1].stats.prompt_tokens
    again = ask(engine, question)
    assert again.finished.stats.reused_tokens > 0
    assert again.text == ask(start(batch=32), question).text


def test_leaving_a_stream_early_cancels_it(engine):
    for event in engine.generate(Generate((user("Hello"),), CHATTY)):
        if isinstance(event, Delta):
            break
    assert ask(engine, user("Hello")).finished.reason in ("stop", "length")


def test_a_reader_that_stops_at_the_last_event_does_not_block_the_next_request(engine):
    stream = engine.generate(Generate((user("Hello"),), GREEDY))
    next(event for event in stream if isinstance(event, Finished))
    assert ask(engine, user("Hello")).text


def test_a_cancel_with_nothing_running_does_nothing(engine):
    engine.cancel()
    assert ask(engine, user("Hello")).text


@pytest.mark.parametrize("text", ["<|im_end|>", "</s>", "<__media__>", "<s>", "<image>", "<unk>"])
def test_special_tokens_in_a_question_neither_end_a_turn_nor_move_a_picture(engine, picture, text):
    one = picture(seed=1)
    plain = ask(engine, user("What is this?", (one,))).finished.stats
    answer = ask(engine, user(f"What {text} is this?", (one,)))
    assert answer.finished.stats.image_tokens == plain.image_tokens
    # as plain text such a string takes several tokens, as a special token it would take one
    assert answer.finished.stats.prompt_tokens >= plain.prompt_tokens + 3


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\x00", "\ud800", "🏳️‍🌈 ‮abc", "Ж" * 300, "a\u0301" * 50]
)
def test_any_text_can_be_asked(engine, text):
    assert ask(engine, user(f"{text}?")).finished.reason in ("stop", "length")


def test_a_picture_that_changed_on_disk_is_not_taken_for_the_old_one(engine, picture):
    part = picture(seed=1)
    with open(part.path, "ab") as file:
        file.write(b"more")
    with pytest.raises(errors.ImageUnreadable, match="changed"):
        ask(engine, user("What is it?", (part,)))
    assert ask(engine, user("What is it?", (picture(seed=2),))).text


def test_a_damaged_picture_is_told_and_the_engine_goes_on(engine, picture, tmp_path):
    data = Path(picture(seed=1, size=600).path).read_bytes()
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(errors.ImageTruncated, match=r"damaged\.png"):
        ask(engine, user("What is it?", (as_part(damaged),)))
    assert ask(engine, user("Hello")).text


def test_a_model_without_a_projector_answers_without_the_pictures_and_says_so_once(start, picture):
    engine = start(source=Files(demo_load().files.model))
    assert not engine.info.vision
    plain = ask(engine, user("What is it?"))
    first, second = picture(), picture(seed=2)
    answer = ask(engine, user("What is it?", (first,)))
    assert answer.text == plain.text
    assert [event for event in answer.events if isinstance(event, Unseen)] == [Unseen(1)]
    (notice,) = [event for event in answer.events if isinstance(event, Notice)]
    assert notice.kind == "pictures" and "without the picture" in notice.message
    assert not any(isinstance(event, Encoded) for event in answer.events)
    again = ask(engine, user("What is it?", (first,)), assistant(answer.text), user("Where?"))
    assert Unseen(1) in again.events
    assert not any(isinstance(event, Notice) for event in again.events)
    assert again.finished.stats.reused_tokens > plain.finished.stats.prompt_tokens
    more = ask(engine, user("What is it?", (first, second)))
    (notice,) = [event for event in more.events if isinstance(event, Notice)]
    assert "the 2 pictures" in notice.message


def test_a_conversation_must_end_with_a_question_or_a_part_of_its_answer(engine):
    with pytest.raises(errors.GenerateFailed):
        ask(engine, user("Hello"), assistant("Hi"), assistant("Ho"))
    with pytest.raises(errors.GenerateFailed):
        ask(engine, assistant("Hi"))
    with pytest.raises(errors.GenerateFailed):
        ask(engine)


@pytest.mark.parametrize(
    ("given", "fallback", "used"),
    [
        (None, None, "llava-1.6-mistral"),
        (None, "chatml", "chatml"),
        (None, "{{ messages[0]['content'] }}", "given"),
        ("vicuna_v1", "chatml", "vicuna_v1"),
    ],
)
def test_a_file_without_a_chat_template_takes_the_one_meant_for_it(
    tmp_path, start, given, fallback, used
):
    files = zoo.build("llava-1.6-mistral", tmp_path)
    engine = start(
        source=Files(str(files.model), str(files.mmproj)),
        template=given,
        fallback_template=fallback,
    )
    assert engine.info.template == used


def test_the_files_own_chat_template_goes_before_the_one_for_files_without(start):
    assert start(fallback_template="chatml").info.template == "file"


def test_a_huge_picture_is_seen_whole_and_takes_little_memory(engine, picture, tmp_path):
    question = "What color is the circle?"
    small = picture(("red", "circle", "left"))
    wanted = ask(engine, user(question, (small,)))

    def peak() -> int:
        status = Path(f"/proc/{engine.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    before = peak()
    with Image.open(small.path) as scene:
        scene.convert("RGB").resize((6000, 6000)).save(tmp_path / "huge.png", compress_level=1)
        scene.convert("RGB").resize((6000, 6000)).save(tmp_path / "huge.jpg")
    for name in ("huge.png", "huge.jpg"):
        huge = as_part(tmp_path / name)
        answer = ask(engine, user(question, (huge,)))
        assert answer.text == wanted.text
        assert answer.of(Encoded)[0].scaled_to is None  # no more than the tower does anyway
    assert peak() - before < 60_000_000  # it was 400 MB


def test_a_damaged_picture_is_called_as_its_user_calls_it(engine, picture):
    small = picture()
    path = Path(small.path)
    path.write_bytes(path.read_bytes()[:-60])
    stored = msgspec.structs.replace(as_part(path), name="holiday.png")
    with pytest.raises(errors.ImageTruncated, match=r"^holiday\.png is damaged"):
        ask(engine, user("What is it?", (stored,)))


def test_a_jpeg_without_its_end_is_answered_and_told(engine, picture, tmp_path):
    path = tmp_path / "cut.jpg"
    with Image.open(picture(("red", "circle", "left")).path) as scene:
        scene.convert("RGB").save(path, quality=95)
    path.write_bytes(path.read_bytes()[:-2])
    answer = ask(engine, user("What color is the circle?", (as_part(path),)))
    assert [notice.kind for notice in answer.of(Notice)] == ["incomplete"]
    assert "red" in answer.text


def test_an_answer_tells_the_memory_of_the_process_that_gave_it(engine):
    peak = ask(engine, user("Hello")).finished.stats.peak_memory_bytes
    held = psutil.Process(engine.pid).memory_info().rss
    assert 0.5 * held < peak < 1.5 * held


def test_the_size_of_a_model_is_that_of_its_files(engine):
    assert engine.info.description == "llama 2.41M Q8_0"
    assert engine.info.parameters == 2_410_560
    source = engine.info.source
    files = sum(Path(path).stat().st_size for path in (source.model, source.mmproj))
    assert 0.9 * files < engine.info.whole_bytes <= files  # without what isn't weights


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_towers_graph_is_closed_when_its_model_isnt_loaded(monkeypatch, cancelled):
    class Graph:
        count = 81 * 64
        closed = 0

        def close(self):
            self.closed += 1

    graph = Graph()
    monkeypatch.setattr(graph_tower, "load", lambda path: graph)
    load = demo_load(tower=Tower("tower.onnx", 126), template=None if cancelled else "{% for %}")
    cancel = CancelFlag()
    if cancelled:
        cancel.set()
    backend = LlamaCppBackend()
    try:
        ended = backend.load(load, cancel, lambda event: None)
        assert cancelled and ended.reason == "cancelled"
    except errors.LoadFailed as error:
        assert "broken" in error.message
    backend.close()
    assert graph.closed == 1


def test_an_engine_of_tensorrt_that_is_gone_is_told_and_libmtmds_tower_taken(tmp_path):
    graph, notice = graph_tower.choose(demo_load(tower=Tower(str(tmp_path / "gone.engine"), 126)))
    assert graph is None
    assert "gone.engine can't be read" in notice.message and notice.hint
