"""One answer on its way: tells what happens as events, and takes the times."""

from __future__ import annotations

import time
from collections.abc import Callable

from vlmtui.engine.backends.llamacpp.memory_use import resident_bytes
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, count_image_tokens, count_tokens
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.engine_events import (
    Delta,
    Encoded,
    Encoding,
    Event,
    Finished,
    FinishReason,
    Notice,
    Prefill,
    Stats,
    Thought,
)
from vlmtui.messages import Message

_DELTA_INTERVAL_S = 0.03
"""Text is sent at most this often: frames cost the decode loop time, and no screen is faster."""


class TurnReport:
    """Turns the steps of one `Generate` into events. Times in seconds, from a monotonic clock."""

    def __init__(self, emit: Callable[[Event], None], messages: tuple[Message, ...]) -> None:
        """The request has arrived; its pictures are numbered among those of all its messages."""
        self._emit = emit
        self._started = time.monotonic()
        self._keys = [image.key for message in messages for image in message.images]
        self._prompt_tokens = self._image_tokens = self._reused = 0
        self._tokens_of: dict[str, int] = {}
        self._scaled: dict[str, tuple[int, int] | None] = {}
        self._vision: VisionTower | None = None
        self._encode_s = 0.0
        self._prefill_began = self._started
        self._first_token = self._last_token = 0.0
        self._attempts = 0
        self._generated = self._thought = 0
        self._last_thought = 0.0
        self._unsent = self._unsent_thought = ""
        self._sent = 0.0
        self._peak_memory = 0

    # ------------------------------------------------------------------------------------- prompt

    def tried(self, tokens: int) -> None:
        """A prompt of so many tokens was made, to see whether it fits."""
        self._attempts += 1
        if self._attempts > 1:  # nearly always the first is taken, and is told of with what it has
            self._emit(Prefill(0, tokens, 0))

    def prompt(self, prompt: Prompt, kept: int, vision: VisionTower) -> None:
        """The prompt is known, and how many of its units are in the KV cache already."""
        self._prompt_tokens = count_tokens(prompt.units)
        self._image_tokens = count_image_tokens(prompt.units)
        self._reused = count_tokens(prompt.units[:kept])
        self._scaled = {key: vision.scaled_to(image) for key, image in prompt.images.items()}
        self._vision = vision
        for part in {unit for unit in prompt.units if isinstance(unit, ImageUnit)}:
            self._tokens_of[part.key] = self._tokens_of.get(part.key, 0) + part.tokens
        missing = {unit.key for unit in prompt.units[kept:] if isinstance(unit, ImageUnit)}
        for key in self._tokens_of:
            if key not in missing or vision.is_kept(prompt.images[key]):
                self._tell_encoded(key, 0.0, reused=True)
        self._prefill_began = time.monotonic()
        self.progress(self._reused)

    def encoding(self, number: int, of: int) -> None:
        """The `number`-th of `of` pictures enters the vision tower."""
        self._emit(Encoding(number, of))

    def encoded(self, key: str, seconds: float) -> None:
        self._look_at_memory()
        self._encode_s += seconds
        self._tell_encoded(key, seconds, reused=False)
        if self._vision is not None and self._vision.is_incomplete(key):
            self._emit(
                Notice(
                    "incomplete",
                    "The end of a picture's file is missing; the model gets what is there",
                    "Copy the file again, and attach the copy",
                )
            )

    def progress(self, done: int) -> None:
        """So many tokens are in the cache."""
        self._look_at_memory()
        self._emit(Prefill(done, self._prompt_tokens, self._reused))

    def _tell_encoded(self, key: str, seconds: float, *, reused: bool) -> None:
        for index, shown in enumerate(self._keys):
            if shown == key:
                tokens, scaled = self._tokens_of[key], self._scaled[key]
                self._emit(Encoded(index, tokens, seconds, reused, scaled))
                seconds, reused = 0.0, True  # the same picture a second time costs nothing

    # ------------------------------------------------------------------------------------- answer

    def token(self, text: str, thought: str = "", *, thinking: bool = False) -> None:
        """A token was sampled, and these texts of answer and thought are certain now."""
        now = time.monotonic()
        if not self._generated:
            self._first_token = now
        self._last_token = now
        self._generated += 1
        if thinking:
            self._thought += 1
            self._last_thought = now
        self._unsent += text
        self._unsent_thought += thought
        if now - self._sent >= _DELTA_INTERVAL_S:
            self._send(now)

    def ending(self, text: str, thought: str = "") -> None:
        """The model ended its turn, or was made to; these texts were held back."""
        now = time.monotonic()
        if not self._first_token:
            self._first_token = self._last_token = now
        self._unsent += text
        self._unsent_thought += thought
        self._send(now)

    def checked(self, unmet: Notice | None) -> None:
        """The whole answer was looked at, and this is wrong with it."""
        if unmet is not None:
            self._emit(unmet)

    def finish(self, reason: FinishReason, used: int, size: int) -> Finished:
        """The last event, with the statistics; of `size` tokens of the KV cache are `used`."""
        self._look_at_memory()
        first = self._first_token or time.monotonic()
        prefill_s = max(0.0, first - self._prefill_began - self._encode_s)
        fresh = self._prompt_tokens - self._reused
        decode_s = self._last_token - self._first_token
        # the first token comes out of the prefill; decoding makes the others
        decoded = self._generated - 1
        return Finished(
            reason,
            Stats(
                prompt_tokens=self._prompt_tokens,
                reused_tokens=self._reused,
                image_tokens=self._image_tokens,
                generated_tokens=self._generated,
                thought_tokens=self._thought,
                thought_s=self._last_thought - self._first_token if self._thought else 0.0,
                encode_s=self._encode_s,
                prefill_s=prefill_s,
                time_to_first_token_s=first - self._started,
                decode_s=decode_s,
                prefill_tokens_per_s=fresh / prefill_s if prefill_s > 0 else 0.0,
                decode_tokens_per_s=decoded / decode_s if decode_s > 0 and decoded > 0 else 0.0,
                context_used=used,
                context_size=size,
                peak_memory_bytes=self._peak_memory or None,
            ),
        )

    def _look_at_memory(self) -> None:
        self._peak_memory = max(self._peak_memory, resident_bytes())

    def _send(self, now: float) -> None:
        if self._unsent_thought:  # comes before the answer
            self._emit(Thought(self._unsent_thought, self._generated))
        if self._unsent:
            self._emit(Delta(self._unsent, self._generated))
        if self._unsent or self._unsent_thought:
            self._unsent = self._unsent_thought = ""
            self._sent = now
