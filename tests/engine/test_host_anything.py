"""Any sequence of what two or five clients of a host can do and suffer, with the real engine.

Each client asks, stops, vanishes, leaves and switches models as it likes, engines and hosts are
killed in the middle of anything. Whatever comes: every request ends, an answer that was finished is
the one to the question that was asked, a broken off one is its beginning, nothing fails but what
was killed, and in the end no process and no file is left.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.engine.conftest import demo_load
from tests.hosts import end_hosts, eventually, host_state, is_gone
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_connection import ModelGone
from vlmtui.engine.engine_events import Absent, Delta, Finished, Joined
from vlmtui.engine.engine_requests import Generate, Sampling
from vlmtui.engine.host_link import HostLink
from vlmtui.errors import EngineCrashed, EngineError
from vlmtui.messages import user

MODELS = (demo_load(), demo_load(ctx=512))
QUESTIONS = tuple(
    Generate((user(text),), Sampling(50.0, 0, 1.0, 0.0, seed=seed, max_tokens=tokens))
    for text, seed, tokens in (("One?", 1, 5), ("Two?", 2, 60), ("Three?", 3, 300))
)
TIMEOUT = 90.0
"""Seconds after which a request counts as hung: far more than any takes."""

moments = st.sampled_from([0.0, 0.002, 0.02, 0.1])
"""Seconds until the next thing happens."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each question is answered with by an engine of one's own."""
    client = EngineClient(tmp_path_factory.mktemp("cold") / "engine.log")
    list(client.load(MODELS[0]))
    said = [
        "".join(event.text for event in client.generate(each) if isinstance(event, Delta))
        for each in QUESTIONS
    ]
    client.close()
    return said


class Person:
    """A client, and what it is at."""

    def __init__(self, log: Path, party: Party) -> None:
        self.client = EngineClient(log, keep_alive=0.3)
        self.party = party
        self.gone = False
        self.model = MODELS[0]
        self._doing: threading.Thread | None = None
        self._began = 0.0

    @property
    def busy(self) -> bool:
        return self._doing is not None and self._doing.is_alive()

    def ask(self, number: int) -> None:
        self._do(self._ask, number)

    def use(self, model: int, crowded: bool) -> None:
        self._do(self._use, model, crowded)

    def settle(self) -> None:
        if self._doing is not None:
            self._doing.join(TIMEOUT)
            assert not self._doing.is_alive(), "a request has no end"

    def _do(self, what: object, *arguments: object) -> None:
        if not self.busy:
            self._began = time.monotonic()
            self._doing = threading.Thread(target=self._guarded, args=(what, *arguments))
            self._doing.start()

    def _guarded(self, what, *arguments) -> None:
        try:
            what(*arguments)
        except EngineCrashed as error:
            # a process that was killed is found out a moment later
            if self.party.killed_at < self._began - 2.0 and not self.gone:
                self.party.defects.append(error)
        except BaseException as error:
            if not (self.gone and isinstance(error, EngineError)):
                self.party.defects.append(error)

    def _ask(self, number: int) -> None:
        while True:
            if self.client.info is None and not self._use(MODELS.index(self.model), crowded=False):
                return
            with suppress(ModelGone):
                return self._hear(number)

    def _hear(self, number: int) -> None:
        said, last = "", None
        try:
            for event in self.client.generate(QUESTIONS[number]):
                last = event
                if isinstance(event, Delta):
                    said += event.text
        finally:
            assert self.party.answers[number].startswith(said), "another's words"
        assert isinstance(last, Finished)
        assert last.reason == "cancelled" or said == self.party.answers[number]

    def _use(self, model: int, crowded: bool) -> bool:
        """As `FittingEngine` does it, with room for one model or both; whether it was loaded."""
        request = self.model = MODELS[model]
        events = list(self.client.join(request))
        if any(isinstance(event, Joined) for event in events) or not _done(events):
            return _done(events)
        (absent,) = (event for event in events if isinstance(event, Absent))
        if absent.others and crowded and not _done(list(self.client.make_room())):
            return False
        return _done(list(self.client.load(request)))


def _done(events: list) -> bool:
    return events[-1] == Finished("done")


class Party(RuleBasedStateMachine):
    """Clients of one host."""

    answers: list[str]
    size = 2

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="vh-"))
        os.environ["VLMTUI_HOME"] = str(self.place)
        self.killed_at = 0.0
        self.defects: list[BaseException] = []
        self.pids: set[int] = set()
        self.gone: list[Person] = []
        self.people = [self.newcomer() for _ in range(self.size)]

    def newcomer(self) -> Person:
        return Person(self.place / "state" / f"engine-{len(self.gone)}.log", self)

    @rule(who=st.integers(0, 4), number=st.integers(0, 2), pause=moments)
    def ask(self, who: int, number: int, pause: float) -> None:
        self.people[who % self.size].ask(number)
        time.sleep(pause)

    @rule(who=st.integers(0, 4), model=st.integers(0, 1), crowded=st.booleans(), pause=moments)
    def use(self, who: int, model: int, crowded: bool, pause: float) -> None:
        self.people[who % self.size].use(model, crowded)
        time.sleep(pause)

    @rule(who=st.integers(0, 4), pause=moments)
    def stop(self, who: int, pause: float) -> None:
        self.people[who % self.size].client.cancel()
        time.sleep(pause)

    @rule(who=st.integers(0, 4))
    def insist(self, who: int) -> None:
        self.people[who % self.size].client.abort()

    @rule(who=st.integers(0, 4), properly=st.booleans())
    def leave(self, who: int, properly: bool) -> None:
        """Close, or be killed: the kernel closes the socket, and nothing was said."""
        person = self.people[who % self.size]
        person.gone = True
        link = person.client._process
        if not properly and isinstance(link, HostLink):
            link.channel.close()
        person.client.close()
        self.gone.append(person)
        self.people[who % self.size] = self.newcomer()

    @rule(who=st.integers(0, 4), pause=moments)
    def unload(self, who: int, pause: float) -> None:
        person = self.people[who % self.size]
        if not person.busy:
            person.client.unload()
        time.sleep(pause)

    @rule(pause=moments)
    def kill_engines(self, pause: float) -> None:
        state = host_state()
        self.killed_at = time.monotonic()
        for view in state.engines if state else ():
            self.pids.add(view.pid)
            with suppress(ProcessLookupError):
                os.kill(view.pid, signal.SIGKILL)
        time.sleep(pause)

    @rule(pause=moments, how=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def kill_host(self, pause: float, how: signal.Signals) -> None:
        state = host_state()
        self.killed_at = time.monotonic()
        if state is not None:
            self.pids |= {state.pid, *(view.pid for view in state.engines)}
            with suppress(ProcessLookupError):
                os.kill(state.pid, how)
        time.sleep(pause)

    def teardown(self) -> None:
        try:
            for person in (*self.people, *self.gone):
                person.settle()
            assert self.defects == []
            state = host_state()
            if state is not None:
                self.pids |= {state.pid, *(view.pid for view in state.engines)}
            for person in self.people:
                person.client.close()
            eventually(lambda: all(map(is_gone, self.pids)))
            if state is not None:  # one that was killed leaves its socket for the next
                eventually(lambda: list((self.place / "run").iterdir()) == [])
        finally:
            for person in self.people:
                person.client.close()
            end_hosts()
            shutil.rmtree(self.place, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "examples"), [(2, 8), (5, 6)])
def test_whatever_happens_to_clients_and_host(
    size: int, examples: int, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLMTUI_HOME", "/")  # put back in the end

    class Guests(Party):
        pass

    Guests.size, Guests.answers = size, answers
    Guests.TestCase.settings = settings(
        max_examples=int(os.environ.get("HOST_EXAMPLES", examples)),
        stateful_step_count=15,
        derandomize="HOST_EXAMPLES" not in os.environ,
        phases=(Phase.generate,),  # each example takes a second: shrinking one would take minutes
        suppress_health_check=list(HealthCheck),
    )
    Guests.TestCase("runTest").runTest()
