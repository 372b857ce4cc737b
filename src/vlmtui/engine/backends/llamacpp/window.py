"""Which messages of a conversation are part of the prompt, when not all of them fit.

Turns leave from the front; the system message, the last user message and what there is of its
answer stay. Pure, given a
function that builds prompts.
"""

from __future__ import annotations

from collections.abc import Callable

from vlmtui.engine.backends.llamacpp.prompt import Prompt
from vlmtui.engine.backends.llamacpp.units import count_image_tokens, count_tokens
from vlmtui.errors import ContextOverflow
from vlmtui.messages import Message, Role

_FILL = 0.75
"""Share of the room that a shortened prompt may take. Going well below the limit makes room for
several turns, which then find their prompt in the KV cache; at the limit, each would shift it."""

_MAX_RESERVE = 512
"""Tokens at most that are kept free for the answer."""

_REST_RESERVE = 64
"""The same for the rest of an answer: much of what was kept free is filled with its beginning, and
to shorten the prompt just then would throw away the KV cache."""


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
        """Prepare.

        Args:
            build: Makes the prompt of a conversation.
            context_size: Tokens that the context holds.
            context_trained: Tokens that the model can make sense of.
        """
        self._build = build
        self._size = context_size
        self._trained = context_trained
        self._last_kept: tuple[Message, ...] = ()

    def fit(self, messages: tuple[Message, ...], max_tokens: int) -> tuple[Prompt, int]:
        """The prompt of the newest messages that fit.

        Args:
            messages: The conversation, its system message first if it has one.
            max_tokens: Length of the answer that was asked for; 0 is open.

        Returns:
            The prompt, and how many messages were left out.

        Raises:
            ContextOverflow: The last message alone (with the system message, and what there is of
                its answer) does not fit.
        """
        resumes = messages[-1].role is Role.ASSISTANT
        most = _REST_RESERVE if resumes else _MAX_RESERVE
        reserve = min(max_tokens or most, most, self._size // 4)
        room = self._size - reserve
        system = messages[:1] if messages[0].role is Role.SYSTEM else ()
        turns = messages[len(system) :]
        starts = [at for at, turn in enumerate(turns) if turn.role is Role.USER and at > 0]
        again = self._start_as_before(turns)
        prompt = self._build(messages)
        # an answer that goes on does so after the prompt that it began with
        if count_tokens(prompt.units) <= room and not (resumes and again in starts):
            self._last_kept = ()
            return prompt, 0
        if again in starts:
            prompt = self._build((*system, *turns[again:]))
            if count_tokens(prompt.units) <= room:
                return prompt, again
        for start in starts:
            prompt = self._build((*system, *turns[start:]))
            size = count_tokens(prompt.units)
            if size <= room * _FILL or (start == starts[-1] and size <= room):
                self._last_kept = turns[start:]
                return prompt, start
        raise self._overflow(prompt, bool(system))

    def _start_as_before(self, turns: tuple[Message, ...]) -> int:
        """Where the last shortened prompt began, if this conversation continues it; else -1."""
        kept = self._last_kept
        if not kept:
            return -1
        for start in range(len(turns) - len(kept) + 1):
            # the last kept message may have been edited or answered anew; what counts is the front
            if turns[start : start + len(kept) - 1] == kept[:-1] and turns[start] == kept[0]:
                return start
        return -1

    def _overflow(self, prompt: Prompt, system: bool) -> ContextOverflow:
        size, image_tokens = count_tokens(prompt.units), count_image_tokens(prompt.units)
        pictures = len(prompt.images)
        of = f" ({image_tokens} of them for {pictures} picture(s))" if image_tokens else ""
        what = "This message and the system message take" if system else "This message takes"
        if prompt.begun:
            what = "This question and its answer so far take"
        return ContextOverflow(
            f"{what} {size} tokens{of}; the context holds {self._size}, and the answer needs room",
            self._remedy(size),
        )

    def _remedy(self, needed: int) -> str:
        larger = _next_size(needed)
        if larger <= self._trained:
            return f"Shorten it, or load the model with a larger context: --ctx {larger}."
        return f"Shorten it: the model was trained for {self._trained} tokens and no more."


def _next_size(tokens: int) -> int:
    """The next power of two with room for an answer."""
    size = 512
    while size < tokens + _MAX_RESERVE:
        size *= 2
    return size
