"""When something was, in a few characters and as seen from now. Local time, English names."""

from __future__ import annotations

from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def group(when: float, now: float) -> str:
    """The heading in a list: "Today", "Yesterday", "This week", "This month", "Older".

    Both times are in seconds since 1970.
    """
    days = _days(when, now)
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return "This week"
    return "This month" if days < 31 else "Older"


def short(when: float, now: float) -> str:
    """The time of today, the day of this week, the date of this year, or a year: "14:05", "Mon"."""
    moment = _moment(when)
    days = _days(when, now)
    if days <= 0:
        return f"{moment:%H:%M}"
    if days < 7:
        return _DAYS[moment.weekday()]
    if moment.year == _moment(now).year:
        return f"{moment.day} {_MONTHS[moment.month - 1]}"
    return str(moment.year)


def full(when: float) -> str:
    """A date with its time: "3 Nov 2026, 14:05"."""
    moment = _moment(when)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}"


def _days(when: float, now: float) -> int:
    """Midnights between the two; a clock that was ahead gives a negative number."""
    return (_moment(now).date() - _moment(when).date()).days


def _moment(when: float) -> datetime:
    try:
        return datetime.fromtimestamp(when)
    except (OverflowError, OSError, ValueError):  # a damaged database may hold any number
        return datetime.fromtimestamp(0)
