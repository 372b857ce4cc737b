"""The models as rows of a list: in which order, which of them are meant, how one looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from vlmtui import printable, units
from vlmtui.chat.fit_verdict import WORDS
from vlmtui.chat.model_choice import Choice
from vlmtui.ui import fuzzy

ORDERS = ("name", "size", "fit")
"""What rows can be ordered by; those that are here come first in each."""

TONES = {
    "fits": "$success",
    "tight": "$warning",
    "smaller": "$warning",
    "too big": "$error",
    "damaged": "$error",
}
_VERDICT = 8
_SIZE = 9


def chosen(rows: Sequence[Choice], query: str, order: str) -> list[Choice]:
    """The rows that answer a query, in an order; all of them where nothing is asked.

    Names that begin with it come first, and scattered letters count only where nothing else does:
    Enter downloads the first row.
    """
    asked = query.strip().lower()
    found = [row for row in rows if not asked or _answers(row, asked)]
    found = found or [row for row in rows if fuzzy.match(asked, row.name) is not None]
    keys = {
        "name": lambda row: (not row.here, row.name.lower()),
        "size": lambda row: (not row.here, row.size_bytes),
        "fit": lambda row: (not row.here, WORDS.index(row.fit_verdict.word), -row.size_bytes),
    }
    found.sort(key=keys[order])
    return sorted(found, key=lambda row: not row.name.lower().startswith(asked))


def _answers(row: Choice, query: str) -> bool:
    entry = row.entry
    words = f"{entry.title} {entry.about} {entry.licence}" if entry is not None else ""
    state = "installed" if row.here else "not downloaded"
    text = f"{row.name} {row.fit_verdict.word} {state} {words}"
    return fuzzy.match(query, text, scattered=False) is not None


def line(
    row: Choice, width: int, name_width: int, current: str, pulled: Mapping[str, str]
) -> Content:
    """A row: mark and name, size, verdict, and what is to be said of it where there is room."""
    here = "●" if row.name == current and row.here else "·" if row.here else " "
    name = Content.styled(printable.line(row.name, name_width).ljust(name_width), "bold")
    size = f"{'≈ ' if row.reckoned else ''}{units.size(row.size_bytes or None)}"
    word = row.fit_verdict.word
    parts = [
        Content.styled(f"{here} ", "$success" if here == "●" else "$text-dim"),
        name if row.here else name.stylize("not bold"),
        Content(f"{size:>{_SIZE}}  "),
        Content.styled(f"{word:<{_VERDICT}}", TONES.get(word, "$text-dim")),
    ]
    text = Content("").join(parts)
    if state := pulled.get(row.name):
        text += Content.styled(f" {state}", "$accent")
    elif (room := width - text.cell_length - 1) > 8:
        note = Content(f" {printable.line(_note(row))}").truncate(room, ellipsis=True)
        text += note.stylize("$text-dim")
    return text.truncate(width, ellipsis=True)


def widest(rows: Sequence[Choice], width: int) -> int:
    """Cells that the names take in a list of this width."""
    longest = max((len(row.name) for row in rows), default=0)
    return min(longest, max(width - _SIZE - _VERDICT - 6, 8))


def _note(row: Choice) -> str:
    if row.entry is not None and row.entry.about:
        return row.entry.about
    if row.installed is None:
        return ""
    sight = "" if row.sees else "text only"
    return ", ".join(filter(None, (row.installed.quantisation, sight)))
