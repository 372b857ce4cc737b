"""What the model said: markdown that may still be growing, and what it took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.stats import answer_stats
from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.widgets.parts import Parts
from vlmtui.ui.widgets.transcript.markdown_view import MarkdownView
from vlmtui.ui.widgets.transcript.message_block import MessageBlock, speaker
from vlmtui.ui.widgets.transcript.thought_view import ThoughtView

_ENDINGS = {
    "cancelled": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
    "streaming": "being written elsewhere",
}
_TICK_S = 0.5
_TURNS = "◐◓◑◒"
"""What turns while nothing else moves, a step at a tick."""

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
    }
    """

    def __init__(
        self,
        model: str,
        text: str = "",
        *,
        version: str = "",
        thought: str = "",
        stats: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.thought = ThoughtView(thought, _thought_label(stats))
        self._version = version
        self._model = model
        self._stream = printable.ProseStream()
        self._view = MarkdownView(printable.prose(text))
        self._footer = Parts()
        self._footer.display = False
        self._timer: Timer | None = None
        self._waits_for = (EngineState(), "")
        self._thinking = ""
        """What is told of the thought that goes on; empty without one."""

        self._thought_took = "thought"

    def compose(self) -> ComposeResult:
        yield Static(speaker(self._model or "model", self._version), classes="speaker")
        yield self.thought
        yield self._view
        yield self._footer

    @property
    def text(self) -> str:
        """What it shows, as markdown."""
        return self._view.source

    def mark(self, words: Sequence[str]) -> None:
        self._view.mark(words)

    def first_mark(self) -> int | None:
        """The row with the first marked word."""
        row = self._view.first_mark()
        return None if row is None else row + self._view.virtual_region.y

    def append(self, text: str) -> None:
        self._wait_no_more()
        if self._thinking:
            self._thinking = ""
            self.thought.finish(None, self._thought_took)
            self.thought.fold(True)
        self._view.append(self._stream.feed(text))

    def think(self, text: str) -> None:
        self._wait_no_more()
        self._thinking = self._thinking or "thinking"
        self.thought.grow(text, self._thinking)

    def thinks(self, label: str) -> None:
        """Tell how long that has been going on."""
        self._thinking = label
        self._thought_took = label.replace("thinking", "thought for", 1)
        self.thought.grow("", label)

    def wait(self, engine_state: EngineState, style: str) -> None:
        """Tell below it what the engine does, and for how long, until more words arrive."""
        self._waits_for = (engine_state, style)
        # the line has its place already: what it says changes no layout
        self._tell_waiting(layout=self._timer is None)
        self._footer.display = True
        if self._timer is None:
            self._timer = self.set_interval(_TICK_S, self._tell_waiting)

    def _tell_waiting(self, *, layout: bool = False) -> None:
        engine_state, style = self._waits_for
        now = time.monotonic()
        turn = _TURNS[int(now / _TICK_S) % len(_TURNS)]
        waiting = Content.assemble((f"{turn} ", style), (engine_state.waiting(now), "$text-dim"))
        self._footer.say([waiting], layout=layout)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._footer.display = False

    def finish(
        self, text: str, status: str, stats: Mapping[str, Any] | None, thought: str = ""
    ) -> None:
        """Show the whole text in its final form, how it ended, and what it took."""
        self._view.update(printable.prose(text))
        self._thinking = ""
        self.thought.finish(thought, _thought_label(stats))
        self.describe(status, stats)

    def describe(self, status: str, stats: Mapping[str, Any] | None) -> None:
        """Tell how the answer ended and what it took."""
        self._wait_no_more()
        parts = []
        if status in _ENDINGS:
            parts.append(Content.styled(f"■ {_ENDINGS[status]}", "$warning"))
        parts.extend(Content(part) for part in _costs(stats or {}))
        self._footer.say(parts)
        self._footer.display = bool(parts)


def _thought_label(stats: Mapping[str, Any] | None) -> str:
    took = answer_stats.thought(stats or {})
    return f"thought for {took}" if took else "thought"


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
