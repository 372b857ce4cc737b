"""What the answers of a chat took: speed, time, memory, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.stats import answer_stats
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Dialog

_COLUMNS = (
    ("tokens", 6),
    ("tok/s", 6),
    ("first", 7),
    ("memory", 7),
    ("J", 6),
    ("J/tok", 6),
    ("limit", 6),
)
"""Heading and width; the last ones are left out where there is no room."""

_QUESTION = 16


class StatsScreen(Dialog[None]):
    """A row for each answer of the shown branch, and the sums."""

    DEFAULT_CSS = """
    StatsScreen > .frame {
        width: 90;
        padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close", id="stats.close")
    ]

    def __init__(self, thread: Sequence[StoredMessage]) -> None:
        super().__init__()
        self._thread = thread

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="frame") as box:
            box.border_title = "Statistics of the answers"
            box.border_subtitle = key_hints.line([("Esc", "close")], 20)
            yield StatsTable(self._thread)


class StatsTable(Widget):
    """The rows; a value that wasn't measured is a dash."""

    DEFAULT_CSS = """
    StatsTable {
        height: auto;
    }
    """

    def __init__(self, thread: Sequence[StoredMessage]) -> None:
        super().__init__()
        self._answers = [
            (question, stored.stats or {}) for question, stored in answer_stats.answers(thread)
        ]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Its lines, those that wrap more than once."""
        return sum(-(-line.cell_length // max(width, 1)) or 1 for line in self._lines(width))

    def render(self) -> Content:
        """A row for each answer, as many columns as there is room for, and the sums."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        if not self._answers:
            return [Content.styled("No answer in this chat has statistics yet.", "$text-dim")]
        columns = 1
        while (
            columns < len(_COLUMNS)
            and _QUESTION + sum(size + 1 for _, size in _COLUMNS[: columns + 1]) <= width
        ):
            columns += 1
        wide = width - sum(size + 1 for _, size in _COLUMNS[:columns])
        rows = [_row("question", [name for name, _ in _COLUMNS[:columns]], wide)]
        rows[0] = rows[0].stylize("bold $primary")
        for question, stats in self._answers:
            rows.append(_row(printable.line(question, wide), _cells(stats)[:columns], wide))
        return [*rows, Content(""), *_summary([stats for _, stats in self._answers])]


def _summary(answers: Sequence[Mapping[str, Any]]) -> list[Content]:
    sums, why = answer_stats.summary(answers)
    lines = [Content(sums)]
    if sentence := answer_stats.roofline(answers[-1]):
        lines.append(Content(f"Last: {sentence}."))
    if why:
        lines.append(Content.styled(why, "$text-dim"))
    return lines


def _cells(stats: Mapping[str, Any]) -> list[str]:
    energy = stats.get("energy") or {}
    per_token = stats.get("joules_per_token")
    share = stats.get("bandwidth_share")
    return [
        units.count(stats.get("generated_tokens") or 0),
        units.rate(stats.get("decode_tokens_per_s") or None),
        units.seconds(stats.get("time_to_first_token_s") or None),
        units.size(stats.get("peak_memory_bytes")),
        f"{energy['net_j']:.1f}" if "net_j" in energy else "–",
        f"{per_token:.2f}" if per_token is not None else "–",
        units.percent(share) if share is not None else "–",
    ]


def _row(question: str, cells: Sequence[str], wide: int) -> Content:
    columns = zip(cells, _COLUMNS, strict=False)
    numbers = "".join(f" {cell:>{size}}" for cell, (_, size) in columns)
    return Content(f"{question:<{wide}}{numbers}")
