"""The models as rows of a list: in which order, which of them are meant, how one looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from textual.content import Content

from vlmtui import printable
from vlmtui.chat.choice import Choice
from vlmtui.ui import fuzzy, units
from vlmtui.ui.model_facts import FITS

ORDERS = ("name", "size", "fit")
"""What rows can be ordered by; those that are here come first in each."""

TONES = {
    "fits": "$success",
    "tight": "$warning",
    "smaller": "$warning",
    "too big": "$error",
    "damaged": "$error",
}
_WORDS = ("fits", "tight", "smaller", "too big", "damaged", "?")
_VERDICT = 8
_SIZE = 9


class Row(msgspec.Struct, frozen=True):
    """A model."""

    choice: Choice
    word: str
    """How it would fit, a key of `TONES`, or "?"."""

    remark: str = ""
    """More about that, in a sentence."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.choice.name

    @property
    def here(self) -> bool:
        """It is on this machine."""
        return self.choice.installed is not None


def word(choice: Choice) -> str:
    """How a model would fit as the settings want it loaded."""
    if choice.problem is not None:
        return "damaged"
    return FITS[choice.fit.verdict] if choice.fit is not None else "?"


def chosen(rows: Sequence[Row], query: str, order: str) -> list[Row]:
    """The rows that answer a query, in an order; all of them where nothing is asked."""
    found = [row for row in rows if not query.strip() or _answers(row, query)]
    keys = {
        "name": lambda row: (not row.here, row.name.lower()),
        "size": lambda row: (not row.here, row.choice.size_bytes),
        "fit": lambda row: (not row.here, _WORDS.index(row.word), -row.choice.size_bytes),
    }
    return sorted(found, key=keys[order])


def _answers(row: Row, query: str) -> bool:
    entry = row.choice.entry
    words = f"{entry.title} {entry.about} {entry.licence}" if entry is not None else ""
    state = "here" if row.here else "to be had"
    text = f"{row.name} {row.word} {state} {words}"
    return (
        fuzzy.match(query, row.name) is not None
        or fuzzy.match(query, text, scattered=False) is not None
    )


def line(row: Row, width: int, name_width: int, current: str, pulled: Mapping[str, str]) -> Content:
    """A row: mark and name, size, verdict, and what is to be said of it where there is room."""
    choice = row.choice
    here = "●" if row.name == current and row.here else "·" if row.here else " "
    name = Content.styled(printable.line(row.name, name_width).ljust(name_width), "bold")
    size = f"{'≈ ' if choice.reckoned else ''}{units.size(choice.size_bytes)}"
    parts = [
        Content.styled(f"{here} ", "$success" if here == "●" else "$text-dim"),
        name if row.here else name.stylize("not bold"),
        Content(f"{size:>{_SIZE}}  "),
        Content.styled(f"{row.word:<{_VERDICT}}", TONES.get(row.word, "$text-dim")),
    ]
    text = Content("").join(parts)
    if state := pulled.get(row.name):
        text += Content.styled(f" {state}", "$accent")
    elif (room := width - text.cell_length - 1) > 8:
        note = Content(f" {printable.line(_note(row))}").truncate(room, ellipsis=True)
        text += note.stylize("$text-dim")
    return text.truncate(width, ellipsis=True)


def widest(rows: Sequence[Row], width: int) -> int:
    """Cells that the names take in a list of this width."""
    longest = max((len(row.name) for row in rows), default=0)
    return min(longest, max(width - _SIZE - _VERDICT - 6, 8))


def _note(row: Row) -> str:
    choice = row.choice
    if choice.entry is not None and choice.entry.about:
        return choice.entry.about
    if choice.installed is None:
        return ""
    sight = "" if choice.sees else "text only"
    return ", ".join(filter(None, (choice.installed.quantisation, sight)))
