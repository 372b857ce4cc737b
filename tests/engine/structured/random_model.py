"""Answers of a model that knows nothing: all tokens that a grammar allows are as likely."""

from __future__ import annotations

import random
from functools import cache

from vlmtui import demo
from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.grammar import Grammar
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints


@cache
def vocabulary() -> Vocabulary:
    given = cpp.llama_model_default_params()
    given.vocab_only = True
    return Vocabulary(cpp.llama_model_load_from_file(str(demo.model_path()).encode(), given))


def answer(constraint: Constraint, seed: int, most: int = 400) -> str | None:
    """An answer; None where it didn't come to an end within so many tokens.

    It likes to end, and to close what is open: else most answers would be long strings.
    """
    chance, words = random.Random(seed), vocabulary()
    grammar = Grammar(constraints.grammar(constraint), words)
    text = b""
    try:
        for _ in range(most):
            if grammar.complete and chance.random() < 0.3:
                break
            allowed = [token for token in fitting(grammar) if not words.ends_turn(token)]
            if not allowed:
                break
            closing = [token for token in allowed if words.piece(token) in (b'"', b"}", b"]")]
            token = chance.choice(closing if closing and chance.random() < 0.3 else allowed)
            while not grammar.allows(token):  # a byte that no character goes on with
                token = chance.choice(allowed)
            grammar.accept(token)
            text += words.piece(token)
        return text.decode().strip() if grammar.complete else None
    finally:
        grammar.close()


def fitting(grammar: Grammar) -> list[int]:
    """All tokens that it allows now."""
    size = vocabulary().size
    data = (cpp.llama_token_data * size)(*((token, 0.0, 0.0) for token in range(size)))
    grammar.apply(cpp.llama_token_data_array(data, size, -1, False))
    return [token for token in range(size) if data[token].logit == 0.0]
