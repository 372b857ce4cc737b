"""All that is known about one message, over the chat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.messages import Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui import units
from vlmtui.ui.costs import costs
from vlmtui.ui.screens.dialog import Dialog
from vlmtui.ui.screens.stats import roofline

_LABEL_WIDTH = 16


class DetailsScreen(Dialog[None]):
    """A list of labels and values."""

    DEFAULT_CSS = """
    DetailsScreen {
        align: center middle;
        background: $background 60%;

        & > VerticalScroll {
            width: 72;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 0 1;
            border: round $border;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-dim;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
        & Static {
            height: auto;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,i", "dismiss", "Close", id="details.close")
    ]

    def __init__(self, stored: StoredMessage) -> None:
        super().__init__()
        self._stored = stored

    def compose(self) -> ComposeResult:
        """One scrollable text."""
        with VerticalScroll() as panel:
            panel.border_title = (
                "Answer" if self._stored.message.role is Role.ASSISTANT else "Question"
            )
            panel.border_subtitle = "Esc closes"
            lines = [_line(label, value) for label, value in rows(self._stored)]
            yield Static(Content("\n").join(lines))


def rows(stored: StoredMessage) -> list[tuple[str, str]]:
    """What there is to tell, each with its label; what nobody measured is left out."""
    text = stored.message.text
    told = [
        ("written", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stored.created))),
        ("model", stored.model or ""),
        ("length", f"{units.count(len(text))} characters, {units.count(len(text.split()))} words"),
        ("version", f"{stored.sibling} of {stored.siblings}" if stored.siblings > 1 else ""),
        ("state", "" if stored.status == "complete" else stored.status),
        ("error", stored.error or ""),
        *_figures(stored.stats or {}),
        *_pictures(stored),
        ("number", f"{stored.id}" + (f", after {stored.parent_id}" if stored.parent_id else "")),
    ]
    return [(label, value) for label, value in told if value]


def _figures(stats: Mapping[str, Any]) -> list[tuple[str, str]]:
    def number(name: str) -> float:
        value = stats.get(name)
        return value if isinstance(value, int | float) else 0

    def tokens(name: str) -> str:
        return f"{units.count(int(number(name)))} tokens" if number(name) else ""

    def seconds(name: str) -> str:
        return units.seconds(number(name)) if number(name) else ""

    def rate(name: str) -> str:
        return f", {units.rate(number(name))} tok/s" if number(name) else ""

    memory = number("peak_memory_bytes")
    used, size = int(number("context_used")), int(number("context_size"))
    return [
        ("ended by", str(stats.get("finish_reason", ""))),
        ("generated", tokens("generated_tokens")),
        ("decoding", seconds("decode_s") + rate("decode_tokens_per_s")),
        ("first token", seconds("time_to_first_token_s")),
        ("prompt", tokens("prompt_tokens")),
        ("reused", tokens("reused_tokens")),
        ("of pictures", tokens("image_tokens")),
        ("encoding", seconds("encode_s")),
        ("prefill", seconds("prefill_s") + rate("prefill_tokens_per_s")),
        ("context", f"{units.count(used)} of {units.count(size)}" if size else ""),
        ("continued", f"{int(number('continued'))} times" if number("continued") else ""),
        ("memory", units.size(int(memory)) if memory else ""),
        ("energy", _energy(stats)),
        ("limit", roofline(stats)),
    ]


def _energy(stats: Mapping[str, Any]) -> str:
    energy = stats.get("energy")
    if not isinstance(energy, Mapping) or "net_j" not in energy:
        return ""
    parts = [f"{energy['net_j']:.1f} J above idle"]
    if isinstance(each := stats.get("joules_per_token"), int | float):
        parts.append(f"{each:.2f} J a token")
    return ", ".join(parts)


def _pictures(stored: StoredMessage) -> list[tuple[str, str]]:
    """Those in the message; for an answer, what those in the prompt cost."""
    told = [
        ("picture", f"{image.name}, {image.width}×{image.height}, {image.sha256[:12]}")
        for image in stored.message.images
    ]
    for sha256, cost in costs(stored.stats).items():
        if words := cost.words():
            told.append(("picture", f"{sha256[:12]}: {', '.join(words)}"))
    return told


def _line(label: str, value: str) -> Content:
    return Content.assemble((f"{label:<{_LABEL_WIDTH}}", "$text-dim"), printable.line(value, 400))
