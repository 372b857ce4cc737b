"""What an answer from a server takes, as seen from here."""

from __future__ import annotations

import time
from collections.abc import Callable

from vlmtui.engine.backends.openai.completion_chunk import Chunk, Usage
from vlmtui.engine.engine_events import Delta, Event, Finished, FinishReason, Stats, Thought
from vlmtui.engine.thought_split import Markers, ThoughtSplit

_MARKERS = Markers("<think>", "</think>", "", ("</think>",))
"""Around a thought that older Ollamas, and vLLM without a parser of them, leave in the text."""


class EndpointReport:
    """Hands on the words of an answer, and reckons its statistics.

    Attributes:
        begun: A word has come: nothing may be asked again.
        whole: The server has closed its books: the answer is all there.
        text: The answer so far.
        thinking: What came last is part of a thought.
    """

    def __init__(
        self, emit: Callable[[Event], None], context_size: int, *, answering: bool = False
    ) -> None:
        """Begin; the context size is in tokens, 0 where it isn't known."""
        self.begun = self.whole = self.thinking = False
        self.text = ""
        self._split: ThoughtSplit | None = ThoughtSplit(
            _MARKERS, thinking=False, answering=answering
        )
        """Finds a thought in the text, where the server doesn't send it apart."""
        self._answering = answering
        self._emit = emit
        self._context_size = context_size
        self._asked = self._first = self._last = time.monotonic()
        self._pieces = self._thoughts = 0
        self._thought_from = self._thought_to = 0.0
        self._usage = Usage()

    def sent(self) -> None:
        self._asked = time.monotonic()

    def take(self, chunk: Chunk) -> None:
        if chunk.usage is not None:
            self._usage = chunk.usage
            self.whole = True
        if not chunk.text and not chunk.thought:
            return
        self._last = time.monotonic()
        if not self.begun:
            self.begun, self._first = True, self._last
        self._pieces += 1
        if chunk.thought:
            self.ended()  # this server keeps them apart
            self._say(chunk.thought, "")
        if chunk.text:
            parts = ("", chunk.text)
            if self._split is not None:
                parts = _decoded(self._split.feed(chunk.text.encode("utf-8", "surrogatepass")))
            self._say(*parts)

    def ended(self) -> None:
        """No thought can come in the text any more: what was held back is said."""
        split, self._split = self._split, None
        if split is not None:
            self._say(*_decoded(split.finish()))

    def _say(self, thought: str, text: str) -> None:
        # line breaks around a thought, and the space that tokenizers put before the first word
        thought = thought if self._thoughts else thought.lstrip()
        text = text if self.text or self._answering else text.lstrip()
        if thought:
            self.thinking = True
            self._thought_from = self._thought_from or self._last
            self._thought_to = self._last
            self._thoughts += 1
            self._emit(Thought(thought, self._pieces))
        if text:
            self.thinking = False
            self.text += text
            self._emit(Delta(text, self._pieces))

    def finish(self, reason: FinishReason) -> Finished:
        usage = self._usage
        counted = usage.generated_tokens
        tokens = counted if counted is not None else self._pieces
        decode_s = self._last - self._first
        prompt = usage.prompt_tokens or 0
        reused = usage.cached_tokens or 0
        prefill_s = usage.prefill_s or 0.0
        first_s = self._first - self._asked if self.begun else 0.0
        network_s = 0.0
        if usage.prefill_s is not None and usage.decode_s is not None:
            network_s = max(first_s - usage.prefill_s - usage.decode_s / max(tokens, 1), 0.0)
        stats = Stats(
            prompt_tokens=prompt,
            reused_tokens=reused,
            generated_tokens=tokens,
            thought_tokens=self._thoughts if usage.thought_tokens is None else usage.thought_tokens,
            thought_s=self._thought_to - self._thought_from,
            prefill_s=prefill_s,
            time_to_first_token_s=first_s,
            network_s=network_s,
            decode_s=decode_s,
            prefill_tokens_per_s=(prompt - reused) / prefill_s if prefill_s else 0.0,
            decode_tokens_per_s=(tokens - 1) / decode_s if decode_s > 0 and tokens > 1 else 0.0,
            context_used=prompt + tokens if prompt else 0,
            context_size=self._context_size,
            counted=counted is None,
        )
        return Finished(reason, stats)


def _decoded(parts: tuple[bytes, bytes]) -> tuple[str, str]:
    thought, text = (part.decode("utf-8", "surrogatepass") for part in parts)
    return thought, text
