"""Several downloads of one program: at once, in order, asked about, stopped; without a screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.hub import Hub, model_bytes
from tests.test_laws import imported_by
from vlmtui import paths
from vlmtui.chat.available_models import AvailableModels
from vlmtui.errors import AmbiguousFiles, InputError
from vlmtui.models.download.coordinator import AT_ONCE, Pulls
from vlmtui.models.download.events import Finished, Plan, Progress
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.download.states import Planned, Told
from vlmtui.models.fit import Machine
from vlmtui.settings import Settings

QUICK = RetryPolicy(tries=3, first_tries=2, base_s=0.01, most_s=0.05, timeout_s=10)
NAMES = [f"hf:acme/{name}-GGUF" for name in ("one", "two", "three", "four")]


class QuickModels(AvailableModels):
    """On a board of some size; waits shortly between tries."""

    def __init__(self, free: int = 8_000_000_000) -> None:
        super().__init__(Settings())
        self._free = free

    def machine(self) -> Machine:
        return Machine(self._free, 8_000_000_000)

    def pull(self, wanted: str, *, model: str = "", mmproj: str = "") -> Pull:
        return Pull(wanted, model=model, mmproj=mmproj, policy=QUICK)


@pytest.fixture
def four(hub: Hub) -> Hub:
    """A Hub with four models."""
    for number, name in enumerate(NAMES):
        content = model_bytes(seed=number)
        hub.put(name.removeprefix("hf:"), **{f"{name[8:-5]}.gguf": content})
    return hub


def started(hub: Hub) -> set[str]:
    """The files of which bytes were asked for, headers aside."""
    return {
        asked.path.rpartition("/")[2].partition("?")[0]
        for asked in hub.of_kind("GET")
        if not asked.headers.get("range", "").startswith("bytes=0-")
    }


def until(pulls: Pulls, ended: str) -> Iterator[Told]:
    for told in pulls.follow(60):
        yield told
        if told.wanted == ended and told.state.ended:
            return
    pytest.fail(f"{ended} doesn't end")


def test_two_come_at_once_and_the_others_in_their_order(four: Hub) -> None:
    four.hold_at = 1_500_000
    pulls = Pulls(QuickModels)
    for name in NAMES:
        assert pulls.start(name)
    assert not pulls.start(NAMES[0])
    coming: set[str] = set()
    finished = []
    for told in pulls.follow(60):
        if isinstance(told.event, Progress) and not four.go_on.is_set():
            coming.add(told.wanted)
            if len(coming) == AT_ONCE:
                assert coming == set(NAMES[:2])
                assert [state.words for state in pulls.running][2:] == ["waiting", "waiting"]
                four.go_on.set()
        if isinstance(told.event, Finished):
            finished.append(told.wanted)
    assert sorted(finished) == sorted(NAMES)
    assert not pulls.running


def test_one_that_waits_for_its_turn_is_stopped_at_once(four: Hub) -> None:
    four.hold_at = 1_500_000
    pulls = Pulls(QuickModels)
    for name in NAMES[:3]:
        pulls.start(name)
    assert four.holding.wait(30)
    assert pulls.cancel(NAMES[2])
    assert [state.name for state in pulls.running] == NAMES[:2]
    list(until(pulls, NAMES[2]))
    pulls.close()
    states = [told.state for told in pulls.follow(60) if told.state.ended]
    assert [state.cancelled for state in states] == [True, True]
    assert "three.gguf" not in started(four)


def test_one_whose_header_a_silent_server_keeps_back_is_stopped_at_once(four: Hub) -> None:
    asked, released = threading.Event(), threading.Event()

    class Silent(QuickModels):
        def expected(self, plan: Plan) -> None:
            asked.set()
            released.wait(60)

    pulls = Pulls(Silent)
    pulls.start(NAMES[0])
    try:
        assert asked.wait(30)
        pulls.close()
        assert [told.state.cancelled for told in pulls.follow(60) if told.state.ended] == [True]
        assert not released.is_set()
    finally:
        released.set()


def test_held_no_byte_comes_before_all_is_planned(four: Hub) -> None:
    pulls = Pulls(QuickModels, held=True)
    for name in NAMES[:3]:
        pulls.start(name)
    planned: dict[str, Planned] = {}
    for told in pulls.follow(60):
        if isinstance(told.event, Planned):
            planned[told.wanted] = told.event
            if len(planned) == 3:
                assert started(four) == set()
                for name in NAMES[1:3]:
                    pulls.answer(name)
                pulls.cancel(NAMES[0])
    assert set(planned) == set(NAMES[:3])
    assert started(four) == {"two.gguf", "three.gguf"}


def test_what_is_of_no_use_here_is_asked_about_and_holds_up_no_other(four: Hub) -> None:
    shelves = iter([QuickModels(free=1_000_000)] * AT_ONCE + [QuickModels()])
    pulls = Pulls(lambda: next(shelves))
    for name in NAMES[:AT_ONCE]:
        pulls.start(name)
    asking = set()
    for told in pulls.follow(60):
        if told.state.question is not None:
            assert told.state.question.doubt
            asking.add(told.wanted)
            if len(asking) == AT_ONCE:
                break
    pulls.start(NAMES[AT_ONCE])
    assert [told.state.words for told in until(pulls, NAMES[AT_ONCE])][-1] == "here"
    assert {state.name for state in pulls.running if state.question is not None} == asking
    pulls.answer(NAMES[0])
    assert [told.state.words for told in until(pulls, NAMES[0])][-1] == "here"


def test_a_question_refused_as_it_is_told_ends_with_the_reason(four: Hub) -> None:
    reason = InputError("It is of no use here", "Choose another one.")
    told: list[Told] = []
    ended = threading.Event()

    def refuse(each: Told) -> None:
        told.append(each)
        if each.state.question is not None:
            pulls.cancel(each.wanted, reason)
        if each.state.ended:
            ended.set()

    pulls = Pulls(QuickModels, refuse, held=True)
    pulls.start(NAMES[0])
    assert ended.wait(60)
    assert told[-1].state.error is reason and not told[-1].state.cancelled


def test_of_several_files_one_is_asked_for_with_how_it_would_fit(four: Hub) -> None:
    repository = NAMES[0].removeprefix("hf:")
    four.put(repository, b_Q8__gguf=model_bytes(4_000_000))
    pulls = Pulls(QuickModels)
    pulls.start(NAMES[0])
    for told in pulls.follow(60):
        question = told.state.question
        if question is not None and question.judged:
            assert isinstance(question.error, AmbiguousFiles)
            verdicts = {each.name: each.verdict for each in question.candidates}
            assert verdicts == {"b_Q8.gguf": "fits", "one.gguf": "fits"}
            pulls.answer(NAMES[0], "b_Q8.gguf")
            break
    assert [told.state.name for told in until(pulls, NAMES[0])][-1] == "b_Q8"
    assert pulls.again(NAMES[0]) == f"{NAMES[0]}:b_Q8.gguf"


def test_a_refusal_is_told_as_the_error_it_is(four: Hub) -> None:
    pulls = Pulls(QuickModels, held=True)
    pulls.start(NAMES[0])
    for told in pulls.follow(60):
        if told.state.question is not None:
            pulls.cancel(NAMES[0], InputError("no"))
    assert told.state.error is not None
    assert told.state.error.message == "no"
    assert [state.name for state in pulls.unfinished] == [NAMES[0]]
    assert pulls.forget(NAMES[0])
    assert pulls.unfinished == []


def test_an_error_that_nobody_thought_of_ends_it_and_is_told(four: Hub) -> None:
    def broken() -> AvailableModels:
        raise RuntimeError("odd")

    pulls = Pulls(broken)
    pulls.start("demo")
    (told,) = pulls.follow(60)
    assert told.state.error is not None
    assert "RuntimeError: odd" in told.state.error.message
    assert "in broken" in paths.app_log_path().read_text()


def test_what_is_here_already_is_planned_without_a_question(four: Hub, tmp_path: Path) -> None:
    for _ in range(2):
        pulls = Pulls(QuickModels)
        pulls.start(NAMES[0])
        told = list(until(pulls, NAMES[0]))
    (planned,) = [each.event for each in told if isinstance(each.event, Planned)]
    assert planned.expected is None
    assert isinstance(told[-1].event, Finished)
    assert told[-1].event.fetched == 0


def test_no_screen_is_needed() -> None:
    assert "textual" not in imported_by("import vlmtui.models.download.coordinator")
