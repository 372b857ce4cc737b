"""A thought that a server leaves in the text of an answer, between `<think>` and `</think>`.

Older Ollamas do so, and vLLM without a parser of its model's thoughts. Others send it apart.
"""

from __future__ import annotations

from vlmtui.engine.thought_split import Markers, ThoughtSplit

_MARKERS = Markers("<think>", "</think>", "", ("</think>",))


class RawThought:
    """Parts the pieces of one answer."""

    def __init__(self, *, answering: bool) -> None:
        """Begin.

        Args:
            answering: There are words of the answer already: none of what comes is a thought.
        """
        self._split = ThoughtSplit(_MARKERS, thinking=False, answering=answering)
        self._seen = False
        self._begun = {True: False, False: False}
        """Of the thought, and of the answer: there are words of it."""

    def feed(self, text: str) -> tuple[str, str]:
        """Add a piece; returns what is certain now of the thought and of the answer."""
        return self._words(self._split.feed(text.encode("utf-8", "surrogatepass")))

    def finish(self) -> tuple[str, str]:
        """What was held back."""
        return self._words(self._split.finish())

    def _words(self, parts: tuple[bytes, bytes]) -> tuple[str, str]:
        self._seen = self._seen or self._split.thinking or bool(parts[0])
        return self._said(parts[0], thought=True), self._said(parts[1], thought=False)

    def _said(self, part: bytes, *, thought: bool) -> str:
        text = part.decode("utf-8", "surrogatepass")
        if self._seen and not self._begun[thought]:
            text = text.lstrip()  # the line breaks around the tags
        self._begun[thought] = self._begun[thought] or bool(text)
        return text
