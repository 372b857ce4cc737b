"""Which messages of a conversation are part of the prompt, when not all of them fit.

Turns leave from the front; the system message, the last user message and what there is of its
answer stay. Pure, given a function that builds prompts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import msgspec

from vlmtui.engine.backends.llamacpp.prompt_units import (
    common_prefix,
    count_image_tokens,
    count_images,
    count_tokens,
)
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.errors import ContextOverflow
from vlmtui.messages import Message, Role, TextPart

_FILL = 0.75
"""Share of the room that a shortened prompt may take. Going well below the limit makes room for
several turns, which then find their prompt in the KV cache; at the limit, each would shift it."""

_MAX_RESERVE = 512
"""Tokens at most that are kept free for the answer."""

_REST_RESERVE = 64
"""The same for the rest of an answer: much of what was kept free is filled with its beginning, and
to shorten the prompt just then would throw away the KV cache."""

_MOST_CHARACTERS = 8
"""A token holds fewer on average: with more for each that fits, a conversation is hardly worth
trying as a whole. One that fits all the same is found by the search."""

_MARKERS = 16
"""Characters that a template is taken to put around a message."""

_LEAST_IMAGE = 64
"""Characters that a picture counts as."""

_WAYS_TO_GO_ON = ("What", "How")
"""Words that most vocabularies have whole: pieces of rarer ones might begin with the same token."""


class Window:
    """Fits conversations into a context.

    Remembers where the last one began, so that the prompt of the next turn has the same beginning.
    """

    def __init__(
        self,
        build: Callable[[tuple[Message, ...]], Prompt],
        context_size: int,
        context_trained: int,
    ) -> None:
        """`build` makes the prompt of a conversation; sizes are in tokens."""
        self._build = build
        self._size = context_size
        self._trained = context_trained
        self._last_kept: tuple[Message, ...] = ()

    def fit(
        self,
        messages: tuple[Message, ...],
        max_tokens: int,
        tried: Callable[[int], None] = lambda tokens: None,
    ) -> tuple[Prompt, int]:
        """The prompt of the newest messages that fit with an answer of so many tokens; 0 is open.

        Rendering and tokenising take time, so no attempt is much longer than the context, and
        there are logarithmically many of them, however long the conversation.

        `tried` hears the tokens of each attempt; what it raises ends the search.

        Returns:
            The prompt, and how many messages were left out.

        Raises:
            ContextOverflow: The last message alone (with the system message, and what there is of
                its answer) does not fit.
        """
        resumes = messages[-1].role is Role.ASSISTANT
        most = _REST_RESERVE if resumes else _MAX_RESERVE
        reserve = min(max_tokens or most, most, self._size // 4)
        attempts = _Attempts(self._build, messages, self._size - reserve, tried)
        again = self._start_as_before(attempts.turns)
        whole = attempts.may_fit() and attempts.fits(0)
        # an answer that goes on does so after the prompt that it began with
        if whole and not (resumes and again in attempts.starts):
            start = 0
        elif again in attempts.starts and attempts.fits(again):
            return attempts.prompt(again), again
        else:
            start = attempts.search()
            if not attempts.fits(start):
                raise self._overflow(attempts.prompt(start), bool(attempts.system))
        self._last_kept = attempts.turns[start:] if start else ()
        return attempts.prompt(start), start

    def preview(self, messages: tuple[Message, ...]) -> Prompt:
        """What `fit` would return now, with nothing remembered of it."""
        kept = self._last_kept
        try:
            return self.fit(messages, 0)[0]
        finally:
            self._last_kept = kept

    def certain(self, messages: tuple[Message, ...]) -> Prompt:
        """What is certain of a prompt while its question is being written; its units may be none.

        The question is gone on with in two ways, and what both prompts begin with is taken. Should
        the real one begin otherwise, that costs time: the KV cache keeps only what a prompt has in
        common with it.

        A last message of the user's is one that isn't finished.
        """
        earlier, begun = messages, Message(Role.USER, ())
        if messages and messages[-1].role is Role.USER:
            earlier, begun = messages[:-1], messages[-1]
        one, other = (
            self.preview((*earlier, Message(Role.USER, (*begun.parts, TextPart(text)))))
            for text in _WAYS_TO_GO_ON
        )
        shared = common_prefix(one.units, other.units)
        return msgspec.structs.replace(one, units=one.units[:shared])

    def _start_as_before(self, turns: tuple[Message, ...]) -> int:
        """Where the last shortened prompt began, if this conversation continues it; else -1."""
        kept = self._last_kept
        if not kept:
            return -1
        for start in range(len(turns) - len(kept) + 1):
            # the last kept message may have been edited or answered anew; what counts is the front
            if turns[start] == kept[0] and turns[start : start + len(kept) - 1] == kept[:-1]:
                return start
        return -1

    def _overflow(self, prompt: Prompt, system: bool) -> ContextOverflow:
        size, image_tokens = count_tokens(prompt.units), count_image_tokens(prompt.units)
        pictures = count_images(prompt.units)
        of = ""
        if pictures:
            of = f" ({image_tokens:,} of them for {pictures} picture{'s' if pictures > 1 else ''})"
        what = "This message and the system message take" if system else "This message takes"
        if prompt.begun:
            what = "This question and its answer so far take"
        return ContextOverflow(
            f"{what} {size:,} tokens{of}; the context holds {self._size:,}, "
            "and the answer needs room",
            self._remedy(size),
        )

    def _remedy(self, needed: int) -> str:
        larger = _next_size(needed)
        if larger <= self._trained:
            return f"Shorten it, or load the model with a larger context: --ctx {larger}."
        return f"Shorten it: the model was trained for {self._trained:,} tokens and no more."


class _Attempts:
    """The prompts of one conversation, by where they begin; each is built once."""

    def __init__(
        self,
        build: Callable[[tuple[Message, ...]], Prompt],
        messages: tuple[Message, ...],
        room: int,
        tried: Callable[[int], None],
    ) -> None:
        self.system = messages[:1] if messages[0].role is Role.SYSTEM else ()
        self.turns = messages[len(self.system) :]
        self.starts = [
            at for at, turn in enumerate(self.turns) if turn.role is Role.USER or at == 0
        ]
        """Messages that a prompt can begin with, in ascending order: the first, and questions."""

        self._build = build
        self._room = room
        self._tried = tried
        self._built: dict[int, tuple[Prompt, int]] = {}

    def prompt(self, start: int) -> Prompt:
        return self._at(start)[0]

    def fits(self, start: int, share: float = 1.0) -> bool:
        """Whether it takes at most that share of the room."""
        return self._at(start)[1] <= self._room * share

    def may_fit(self) -> bool:
        """Whether trying the whole is worth its time: it isn't longer than any that fits."""
        return sum(map(_characters, self.turns)) <= self._room * _MOST_CHARACTERS

    def search(self) -> int:
        """The first start whose prompt leaves something free; the last where none does.

        The whole conversation, where that turns out to fit.
        """
        starts = self.starts
        short, step = len(starts) - 1, 1
        while (longer := max(short - step, 0)) < short and self.fits(starts[longer]):
            short, step = longer, 2 * step
        if short == 0:
            return starts[0]
        # what is longer doesn't fit, so this many turns are the most; some of them leave for more
        return starts[self._boundary(longer + 1, len(starts) - 1, short)]

    def _boundary(self, low: int, high: int, at: int) -> int:
        """The longest that leaves something free, by index of a start; `high` where none does.

        Nearly always tokens go with characters: then a guess and its neighbour settle it. Where
        they don't, the steps beside the guesses double.
        """
        weights = self._weights()
        fitted, beside, step = True, False, 1
        while low < high:
            if beside:
                middle = at - step if fitted else at + step
                step *= 2
            else:
                tokens = max(self._at(self.starts[at])[1], 1)
                wanted = self._room * _FILL / tokens * weights[at]
                middle = bisect_left(weights, -wanted, key=lambda weight: -weight)
            beside = not beside
            at = min(max(middle, low), high - 1)
            fitted = self.fits(self.starts[at], _FILL)
            if fitted:
                high = at
            else:
                low = at + 1
        return high

    def _weights(self) -> list[int]:
        """Characters from each start to the end, a message's markers included."""
        weights: list[int] = []
        total, end = 0, len(self.turns)
        for start in reversed(self.starts):
            total += sum(_MARKERS + _characters(turn) for turn in self.turns[start:end])
            end = start
            weights.append(total)
        return weights[::-1]

    def _at(self, start: int) -> tuple[Prompt, int]:
        if start not in self._built:
            prompt = self._build((*self.system, *self.turns[start:]))
            self._built[start] = prompt, count_tokens(prompt.units)
            self._tried(self._built[start][1])
        return self._built[start]


def _characters(message: Message) -> int:
    return sum(
        len(part.text) if isinstance(part, TextPart) else _LEAST_IMAGE for part in message.parts
    )


def _next_size(tokens: int) -> int:
    size = 512
    while size < tokens + _MAX_RESERVE:
        size *= 2
    return size
