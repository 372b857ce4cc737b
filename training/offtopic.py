"""Everything that the demo model doesn't know, and the one sentence that it says then.

The variety is what matters: whatever a person types that isn't about drawn shapes must end in
``REPLY``.
Words are typed here or made up of syllables, so that unknown words of any language look familiar.
"""

from __future__ import annotations

import random
import string

from training import outside
from training.scenes import COLORS, KINDS

REPLY = (
    "I am the small demo model and only know simple drawn shapes; "
    "for a real model, start vlmtui with --model PATH.gguf."
)

_SYMBOLS = "+-*/=<>()[]{}#$%&@!?.,:;~^_|\\\"'`"
_SCRIPTS = (
    (0x430, 0x44F),
    (0x3B1, 0x3C9),
    (0x4E00, 0x4FFF),
    (0x3041, 0x3090),
    (0x627, 0x64A),
    (0xE0, 0xFF),
    (0xAC00, 0xAE00),
    (0x5D0, 0x5EA),
    (0x905, 0x939),
    (0x1F300, 0x1F64F),
)


def made_up(rng: random.Random) -> str:
    """A word that doesn't exist, of one to four syllables."""
    return "".join(_syllable(rng) for _ in range(rng.randint(1, 4)))


def _syllable(rng: random.Random) -> str:
    onset = rng.choice(("", *"bcdfghjklmnprstvwz", "st", "tr", "pl", "sch", "ch", "gr", "qu", "th"))
    nucleus = rng.choice((*"aeiouy", "ee", "ou", "ai", "ie", "\u00e4", "\u00e9", "\u00f6"))
    coda = rng.choice(("", "", *"nrstlmdk", "ng", "nt", "ck"))
    return onset + nucleus + coda


def _sentence(rng: random.Random, words: int) -> str:
    strange = rng.choice((0.0, 0.1, 0.5, 1.0))
    text = " ".join(
        made_up(rng) if rng.random() < strange else rng.choice(outside.WORDS) for _ in range(words)
    )
    return text + rng.choice(("", ".", "?", "!"))


def _gibberish(rng: random.Random) -> str:
    lot = rng.random()
    length = rng.randint(1, 24)
    if lot < 0.3:
        return "".join(rng.choice(string.ascii_lowercase) for _ in range(length))
    if lot < 0.5:
        return "".join(rng.choice(string.printable[:94]) for _ in range(length))
    if lot < 0.7:
        first, last = rng.choice(_SCRIPTS)
        return "".join(
            chr(rng.randint(first, last)) if rng.random() < 0.85 else " "
            for _ in range(length // 2 + 1)
        )
    if lot < 0.85:
        x, y = rng.randint(0, 999), rng.randint(0, 99)
        op = rng.choice("+-*/x")
        return rng.choice(
            (
                f"{x} {op} {y}",
                f"{x}{op}{y}=",
                f"What is {x} {op} {y}?",
                f"Compute {x} {op} {y}",
                f"{x}",
            )
        )
    return "".join(rng.choice(_SYMBOLS + string.digits) for _ in range(length))


def _code(rng: random.Random) -> str:
    name, other = made_up(rng), rng.choice(outside.WORDS)
    return rng.choice(
        (
            f"def {name}({other}): return {other} {rng.choice('+-*/')} {rng.randint(0, 99)}",
            f"int {name} = {rng.randint(0, 999)};",
            f"for {name} in {other}:\n    print({name})",
            f"<{name}>{other}</{name}>",
            f"SELECT {name} FROM {other};",
            f'{{"{name}": "{other}"}}',
            f"sudo {name} --{other} {rng.randint(0, 9)}",
            f"import {name}",
            f"# {other} {name}\n\nText.",
            f"https://{name}.org/{other}",
            f"{name}.{other}({rng.randint(0, 9)})",
            f"/{other} {name}",
            f"@{name}.png",
        )
    )


def off_topic(rng: random.Random) -> str:
    """Anything that isn't a question about drawn shapes."""
    lot = rng.random()
    if lot < 0.2:
        return rng.choice(outside.SAID)
    if lot < 0.46:
        thing = rng.choice(outside.THINGS) if rng.random() < 0.75 else made_up(rng)
        tint = rng.choice((*COLORS, *outside.TINTS))
        return rng.choice(outside.ABOUT).format(
            t=thing, u=rng.choice(outside.THINGS), c=tint, v=rng.choice(outside.VERBS)
        )
    if lot < 0.56:
        return rng.choice(outside.TINTED).format(
            x=rng.choice(outside.TINTS), y=rng.choice(outside.TINTS), k=rng.choice(KINDS)
        )
    if lot < 0.78:
        return _sentence(rng, rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 14, 20)))
    if lot < 0.88:
        return _gibberish(rng)
    if lot < 0.94:
        return _code(rng)
    return f"{rng.choice(outside.VERBS).capitalize()} {_sentence(rng, rng.randint(1, 8))}"


def system_prompt(rng: random.Random) -> str:
    """A system message, which the demo model reads and ignores."""
    if rng.random() < 0.5:
        return rng.choice(
            (
                "You are a helpful assistant.",
                "You are a helpful vision assistant.",
                "Answer in one sentence.",
                "You are a helpful, respectful and honest assistant.",
                "Answer briefly.",
                "Be concise.",
                "A chat between a curious user and an artificial intelligence assistant.",
                "You describe images.",
            )
        )
    return " ".join(
        _sentence(rng, rng.randint(3, 12)).capitalize() for _ in range(rng.randint(1, 2))
    )
