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

    def feed(self, text: str) -> tuple[str, str]:
        """Add a piece; returns what is certain now of the thought and of the answer."""
        return _words(self._split.feed(text.encode("utf-8", "surrogatepass")))

    def finish(self) -> tuple[str, str]:
        """What was held back."""
        return _words(self._split.finish())


def _words(parts: tuple[bytes, bytes]) -> tuple[str, str]:
    thought, text = (part.decode("utf-8", "surrogatepass") for part in parts)
    return thought, text
