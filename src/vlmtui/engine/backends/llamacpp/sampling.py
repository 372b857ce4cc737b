"""The sampler chain: how the next token is drawn, all in C."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.base import Sampling

_RANDOM_SEED = 0xFFFFFFFF
"""The one value that llama.cpp replaces by a random one."""

_PENALTY_WINDOW = 64
"""Tokens that the repeat penalty looks back on, llama.cpp's usual number."""


class Sampler:
    """One answer's sampler; close it when the answer ends."""

    def __init__(self, settings: Sampling, vocabulary_size: int, prompt: Sequence[int]) -> None:
        """Build the chain.

        Args:
            settings: What the user chose.
            vocabulary_size: Tokens in the vocabulary.
            prompt: The prompt's text tokens, which the repeat penalty counts as said already.
        """
        self._chain = cpp.llama_sampler_chain_init(cpp.llama_sampler_chain_default_params())
        for part in _parts(settings, vocabulary_size):
            cpp.llama_sampler_chain_add(self._chain, part)
        if settings.repeat_penalty != 1.0:
            for token in prompt[-_PENALTY_WINDOW:]:
                cpp.llama_sampler_accept(self._chain, token)

    def sample(self, context: Any) -> int:
        """Draw a token from the last logits, and remember it."""
        return int(cpp.llama_sampler_sample(self._chain, context, -1))

    def close(self) -> None:
        """Release the chain."""
        cpp.llama_sampler_free(self._chain)


def _parts(settings: Sampling, vocabulary_size: int) -> list[Any]:
    parts = []
    if settings.repeat_penalty != 1.0:
        parts.append(
            cpp.llama_sampler_init_penalties(
                vocabulary_size, _PENALTY_WINDOW, settings.repeat_penalty, 0.0, 0.0
            )
        )
    if settings.temperature <= 0:
        return [*parts, cpp.llama_sampler_init_greedy()]
    if settings.top_k > 0:
        parts.append(cpp.llama_sampler_init_top_k(settings.top_k))
    if settings.top_p < 1:
        parts.append(cpp.llama_sampler_init_top_p(settings.top_p, 1))
    if settings.min_p > 0:
        parts.append(cpp.llama_sampler_init_min_p(settings.min_p, 1))
    parts.append(cpp.llama_sampler_init_temp(settings.temperature))
    seed = secrets.randbits(32) if settings.seed is None else settings.seed % _RANDOM_SEED
    parts.append(cpp.llama_sampler_init_dist(seed))
    return parts
