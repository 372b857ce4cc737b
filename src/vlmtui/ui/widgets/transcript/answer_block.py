"""What the model said: markdown that may still be growing, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.ui.widgets.parts import Parts
from vlmtui.ui.widgets.transcript.markdown_view import MarkdownView
from vlmtui.ui.widgets.transcript.message_block import MessageBlock, speaker

_ENDINGS = {
    "cancelled": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
    "streaming": "being written elsewhere",
}
_REASONS = {"length": "length limit reached", "context": "context full"}


class Answer(MessageBlock):
    """An answer."""

    DEFAULT_CSS = """
    Answer {
        border-left: outer $answer-bar;

        & > .speaker {
            color: $answer-bar;
            text-style: bold;
        }
        & > .footer {
            display: none;
        }
        & > .footer.shown {
            display: block;
        }
    }
    """

    def __init__(self, model: str, text: str = "", *, version: str = "") -> None:
        super().__init__()
        self._version = version
        self._model = model
        self._stream = printable.ProseStream()
        self._view = MarkdownView(printable.prose(text))
        self._footer = Parts(classes="footer")
        self._waiting = False

    def compose(self) -> ComposeResult:
        """Name, text, figures."""
        yield Static(speaker(self._model or "model", self._version), classes="speaker")
        yield self._view
        yield self._footer

    @property
    def text(self) -> str:
        """What it shows, as markdown."""
        return self._view.source

    def mark(self, words: Sequence[str]) -> None:
        """Mark words in it."""
        self._view.mark(words)

    def first_mark(self) -> int | None:
        """The row with the first marked word."""
        row = self._view.first_mark()
        return None if row is None else row + 1  # below the name

    def append(self, text: str) -> None:
        """Add what has arrived."""
        if self._waiting:
            self._waiting = False
            self._footer.remove_class("shown")
        self._view.append(self._stream.feed(text))

    def wait(self, phase: str, style: str) -> None:
        """Tell below it what the engine does, until more words arrive."""
        # the line has its place already: what it says changes no layout
        said = Content.assemble(("● ", style), (phase, "$text-dim"))
        self._footer.say([said], layout=not self._waiting)
        self._footer.add_class("shown")
        self._waiting = True

    def finish(self, text: str, status: str, stats: Mapping[str, Any] | None) -> None:
        """Show the whole text in its final form, how it ended, and what it took."""
        self._view.update(printable.prose(text))
        self.describe(status, stats)

    def describe(self, status: str, stats: Mapping[str, Any] | None) -> None:
        """Tell how the answer ended and what it took."""
        self._waiting = False
        parts = []
        if status in _ENDINGS:
            parts.append(Content.styled(f"■ {_ENDINGS[status]}", "$warning"))
        parts.extend(Content(part) for part in _costs(stats or {}))
        self._footer.say(parts)
        self._footer.set_class(bool(parts), "shown")


def _costs(stats: Mapping[str, Any]) -> list[str]:
    parts = []
    if generated := stats.get("generated_tokens"):
        parts.append(f"{units.count(generated)} token" + ("s" if generated != 1 else ""))
    if rate := stats.get("decode_tokens_per_s"):
        parts.append(f"{units.rate(rate)} tok/s")
    if first := stats.get("time_to_first_token_s"):
        parts.append(f"first token {units.seconds(first)}")
    if reused := stats.get("reused_tokens"):
        parts.append(f"{units.count(reused)} reused")
    if reason := _REASONS.get(stats.get("finish_reason", "")):
        parts.append(reason)
    if stats.get("invalid"):
        parts.append("not valid")
    return parts
