from __future__ import annotations

from collections import deque

import pytest

from vlmtui.terminal.flow_control import LEAST_WINDOW, UNLIMITED, FlowControl, is_far


class Wire:
    """A line of so many characters a second and so many seconds each way, and its terminal."""

    def __init__(self, rate: float, delay: float, *, far: bool = True) -> None:
        self.now = 100.0
        self.rate, self.delay = rate, delay
        self.flow = FlowControl(far=far, clock=lambda: self.now)
        self._free_at = 0.0
        self._replies: deque[float] = deque()
        self.arrived = self.longest_queue = 0.0

    def draw(self, length: int) -> None:
        self.flow.sent(length)
        self._free_at = max(self._free_at, self.now) + length / self.rate
        self.longest_queue = max(self.longest_queue, self._free_at - self.now)
        self.flow.ask()
        self._replies.append(self._free_at + 2 * self.delay)
        self.arrived += length

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self._replies and self._replies[0] <= end:
            self.now = self._replies.popleft()
            self.flow.replied()
        self.now = end

    def saturate(self, seconds: float, row: int = 300) -> None:
        """Draw as much as may be drawn."""
        end = self.now + seconds
        while self.now < end:
            while self.flow.available > 0:
                self.draw(row)
            self.pass_time(0.02)


@pytest.mark.parametrize(("rate", "delay"), [(4_000, 0.3), (4_000, 0.02), (1_500, 0.4)])
def test_a_slow_line_is_kept_busy_and_hardly_anything_queues_up(rate: float, delay: float) -> None:
    wire = Wire(rate, delay)
    wire.saturate(30)
    wire.longest_queue, before = 0.0, wire.arrived
    wire.saturate(60)
    assert wire.arrived - before > 0.8 * 60 * rate
    assert wire.longest_queue < 1.5
    assert wire.flow.narrow
    assert wire.flow.slow


def test_a_fast_terminal_is_never_waited_for() -> None:
    wire = Wire(20e6, 0.0005, far=False)
    for _ in range(200):
        assert wire.flow.available > 20_000
        wire.draw(8_000)
        wire.pass_time(0.1)
    assert not wire.flow.narrow
    assert not wire.flow.slow


def test_a_short_hiccup_of_a_fast_terminal_says_nothing() -> None:
    wire = Wire(20e6, 0.0005, far=False)
    for _ in range(20):
        wire.draw(2_000)
        wire.pass_time(0.1)
    wire.delay = 0.25
    wire.draw(300)
    wire.pass_time(0.6)
    wire.delay = 0.0005
    assert not wire.flow.narrow


def test_a_long_line_that_takes_much_is_slow_and_not_narrow() -> None:
    wire = Wire(5e6, 0.15)
    for _ in range(60):
        if wire.flow.available > 0:
            wire.draw(6_000)
        wire.pass_time(0.2)
    assert wire.flow.slow
    assert not wire.flow.narrow


def test_a_line_that_became_better_is_used() -> None:
    wire = Wire(3_000, 0.2)
    wire.saturate(30)
    assert wire.flow.narrow
    wire.rate = 5e6
    wire.saturate(30, row=3_000)
    assert not wire.flow.narrow


def test_a_line_that_became_longer_is_still_used() -> None:
    wire = Wire(4_000, 0.05)
    wire.saturate(30)
    wire.delay = 0.35
    wire.saturate(150)
    before = wire.arrived
    wire.saturate(60)
    assert wire.arrived - before > 0.5 * 60 * 4_000


def test_a_terminal_that_never_replies_is_not_waited_for() -> None:
    flow = FlowControl()
    flow.sent(50_000)
    flow.ask()
    assert flow.available == UNLIMITED
    assert not flow.waiting


def test_one_that_is_far_away_is_waited_for_a_moment() -> None:
    now = 0.0
    flow = FlowControl(far=True, clock=lambda: now)
    flow.sent(50_000)
    flow.ask()
    assert flow.available <= 0
    now = 5.0
    assert flow.available == UNLIMITED


def test_replies_that_get_lost_stop_the_drawing_for_a_while_and_not_for_good() -> None:
    wire = Wire(2_000, 0.1)
    wire.saturate(20)
    flow = wire.flow
    for _ in range(2):
        while flow.available > 0:
            flow.sent(LEAST_WINDOW)
            flow.ask()
        wire.now += 11
        assert flow.available > 0
    flow.sent(100_000)
    flow.ask()
    assert flow.available == UNLIMITED
    flow.replied()
    assert flow.available < UNLIMITED


def test_ssh_is_far() -> None:
    assert is_far({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    assert not is_far({"TERM": "xterm", "SSH_TTY": ""})
