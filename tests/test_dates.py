"""Dates as a list shows them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from vlmtui import dates

NOW = datetime(2026, 3, 12, 15, 30)


@pytest.mark.parametrize(
    ("ago", "group", "short"),
    [
        (timedelta(), "Today", "15:30"),
        (timedelta(hours=15), "Today", "00:30"),
        (timedelta(hours=16), "Yesterday", "Wed"),
        (timedelta(days=6), "This week", "Fri"),
        (timedelta(days=7), "This month", "5 Mar"),
        (timedelta(days=60), "Older", "11 Jan"),
        (timedelta(days=90), "Older", "2025"),
        (timedelta(days=-3), "Today", "15:30"),
    ],
)
def test_the_nearer_a_date_is_the_more_exactly_it_is_told(
    ago: timedelta, group: str, short: str
) -> None:
    when = (NOW - ago).timestamp()
    assert dates.group(when, NOW.timestamp()) == group
    assert dates.short(when, NOW.timestamp()) == short
    assert len(short) <= len("28 Nov")


@pytest.mark.parametrize("when", [float("nan"), float("inf"), -1e300, 1e18])
def test_a_number_that_is_no_date_is_an_old_one(when: float) -> None:
    assert dates.group(when, NOW.timestamp()) == "Older"


def test_a_full_date_has_its_time() -> None:
    assert dates.full(NOW.timestamp()) == "12 Mar 2026, 15:30"
