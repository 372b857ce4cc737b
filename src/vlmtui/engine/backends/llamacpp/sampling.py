"""The sampler chain: how the next token is drawn, all in C."""

from __future__ import annotations

import ctypes
import math
import secrets
from collections import deque
from collections.abc import Container, Sequence
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.grammar import Grammar
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary
from vlmtui.engine.engine_requests import Sampling
from vlmtui.engine.structured import constraints
from vlmtui.errors import GenerateFailed

_RANDOM_SEED = 0xFFFFFFFF
"""The one value that llama.cpp replaces by a random one."""

_PENALTY_WINDOW = 64
"""Tokens that the penalties look back on, llama.cpp's usual number."""

_NO_PENALTIES = (1.0, 0.0, 0.0)

_UNLIKELY = 9.0
"""How far the likeliest choice's logit may be below the likeliest token's: one in 8,000."""

_LIKELY = 128
"""Candidates that a grammar looks at first: one that fits is nearly always among them."""


class Unlikely(Exception):
    """The model would say none of the choices as its first word."""


class Sampler:
    """One answer's sampler; close it when the answer ends."""

    def __init__(self, settings: Sampling, vocabulary: Vocabulary, prompt: Sequence[int]) -> None:
        """Build the chain; its penalties count the text tokens of the prompt as said already.

        Raises:
            InputError: The constraint can't be enforced.
        """
        self._grammar: Grammar | None = None
        self._vocabulary = vocabulary
        self._bound = False
        self._begun = False
        self.insists = settings.constraint is None or settings.constraint.kind != "choices"
        """It draws a token that fits, however unlikely, instead of raising `Unlikely`."""

        self.leads = False
        """The token that was drawn last stands before the answer."""

        if settings.constraint is not None:
            self._grammar = Grammar(constraints.grammar(settings.constraint), vocabulary)
        self._recent: deque[int] = deque(prompt[-_PENALTY_WINDOW:], _PENALTY_WINDOW)
        self._likeliest = cpp.llama_sampler_init_greedy()
        self._likely = cpp.llama_sampler_init_top_k(_LIKELY)
        self._chain = cpp.llama_sampler_chain_init(cpp.llama_sampler_chain_default_params())
        for part in _parts(settings, vocabulary.size):
            cpp.llama_sampler_chain_add(self._chain, part)
        self._penalties = None
        if _penalties(settings) != _NO_PENALTIES:
            self._penalties = cpp.llama_sampler_chain_get(self._chain, 0)
            self._remember()

    def bind(self, begun: str) -> None:
        """Hold what follows `begun` to the constraint, if there is one. Calling it once is enough.

        Raises:
            GenerateFailed: This doesn't follow the constraint.
        """
        if self._grammar is None or self._bound:
            return
        self._bound, self._begun = True, bool(begun)
        for token in self._vocabulary.tokenize(begun, parse_special=False):
            if not self._grammar.allows(token):
                raise GenerateFailed(
                    "This answer doesn't follow the format that is set now", "/regen answers again."
                )
            self._grammar.accept(token)

    @property
    def complete(self) -> bool:
        """The constraint, if there is one, wants nothing more."""
        return self._grammar is None or (self._bound and self._grammar.complete)

    def sample(self, context: Any) -> int:
        """Draw a token from the last logits, and remember it; a thought is free."""
        token = int(cpp.llama_sampler_sample(self._chain, context, -1))
        self._recent.append(token)
        return token

    def sample_bound(self, context: Any, leads: Container[int]) -> int:
        """Draw a token that the constraint allows, if there is one, and remember it.

        `leads` may stand before the answer: markers of thoughts.

        Raises:
            GenerateFailed: None of the model's tokens fits the constraint.
            Unlikely: The answer doesn't begin with one that the model would say.
        """
        # mostly the token that is drawn from all fits, and then it alone was looked at
        token = self.sample(context)
        if self._grammar is None:
            return token
        fits = self._grammar.allows(token)
        self.leads = not fits and not self._begun and token in leads
        if self.leads:
            return token
        if not fits:
            token = self._recent[-1] = self._fitting(self._grammar, context)
            self._remember()  # not the one that was drawn at first
        self._begun = True
        self._grammar.accept(token)
        return token

    def _remember(self) -> None:
        """Have the penalties count what was said, and nothing else."""
        if self._penalties is not None:
            cpp.llama_sampler_reset(self._penalties)
            for token in self._recent:
                cpp.llama_sampler_accept(self._penalties, token)

    def _fitting(self, grammar: Grammar, context: Any) -> int:
        """Draw from the tokens that fit: among all where these may be few, else the likely ones."""
        known, banned = self._vocabulary.candidates, list[int]()
        least = -math.inf
        if not (self.insists or self._begun):
            least = self._highest(known.all(context, banned)) - _UNLIKELY
        for likely in (True, False):
            while True:
                candidates = known.fewer(context, banned, grammar) if likely else None
                if candidates is None:
                    candidates = known.all(context, banned)
                    if likely:
                        cpp.llama_sampler_apply(self._likely, ctypes.byref(candidates))
                grammar.apply(candidates)
                highest = self._highest(candidates)
                if highest == -math.inf:
                    break
                if highest < least:
                    raise Unlikely
                token = self._drawn(candidates)
                if grammar.joins(token):
                    return token
                banned.append(token)  # half a character that no other half fits
        raise GenerateFailed(
            "The model has no token that fits the format of the answer",
            "It may need characters that this model doesn't know: use another format.",
        )

    def _highest(self, candidates: Any) -> float:
        cpp.llama_sampler_apply(self._likeliest, ctypes.byref(candidates))
        return float(candidates.data[candidates.selected].logit)

    def _drawn(self, candidates: Any) -> int:
        cpp.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def close(self) -> None:
        for sampler in (self._chain, self._likeliest, self._likely):
            cpp.llama_sampler_free(sampler)
        if self._grammar is not None:
            self._grammar.close()


def _penalties(settings: Sampling) -> tuple[float, float, float]:
    """In llama.cpp's order."""
    return settings.repeat_penalty, settings.frequency_penalty, settings.presence_penalty


def _parts(settings: Sampling, vocabulary_size: int) -> list[Any]:
    parts = []
    if (penalties := _penalties(settings)) != _NO_PENALTIES:
        parts.append(cpp.llama_sampler_init_penalties(vocabulary_size, _PENALTY_WINDOW, *penalties))
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
