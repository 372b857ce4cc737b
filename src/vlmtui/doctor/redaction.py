"""Texts without what is nobody else's business: secrets, and what people wrote and are called.

What looks like a secret goes, and whatever this process itself knows to be one, wherever it stands.
The patterns rather take too much than too little. This module writes no file.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator

GONE = "(removed)"

_SECRET = r"token|secret|passw|passphrase|credential|signature|(?:api|private|access)[_-]?key"
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)

_VALUE = (
    r'"""[\s\S]*?"""'
    r"|'''[\s\S]*?'''"
    r"|\[[^\]]*\]"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|\S+"
)
"""What is assigned, as TOML, JSON, Python, a shell or an address writes it."""

_ASSIGNED = re.compile(
    rf"""(?P<name>(?:{_SECRET})[\w-]{{0,60}})(?P<sign>["']?\]?\s*[=:]\s*)(?P<value>{_VALUE})""",
    re.IGNORECASE,
)
_COUNT = re.compile(r"[0-9]{1,7}\b")

_SECRETS = (
    # all that follows on the line: "Cookie: a=b; c=d", "Authorization: Digest username=..."
    (re.compile(r"""(?i)(\b(?:cookie|authorization)["']?\s*[=:,]).*"""), rf"\1 {GONE}"),
    (re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"), GONE),
    (re.compile(r"""(?i)(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s@"']+@"""), rf"\1{GONE}@"),
    (
        re.compile(
            r"\b(?:hf_|sk-|gsk_|nvapi-|gh[pousr]_|github_pat_|xox[abpr]-|glpat-|AKIA|AIza)[\w-]{6,}"
        ),
        GONE,
    ),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){1,2}"), GONE),
)

_ENDING = r"\.(png|jpe?g|webp|gif|bmp|tiff?|hei[cf]|avif)"
_PICTURES = tuple(
    re.compile(pattern + _ENDING + after, re.IGNORECASE)
    for pattern, after in (
        (r"""(?<=["'`])[^"'`\n]*""", r"""(?=["'`])"""),
        # names may have spaces; too much is better
        (r"""[~.]{0,2}/[^"'`\n]{0,200}?""", r"\b"),
        (r"""[^\s"'`:=(<>|]{1,100}""", r"\b"),
    )
)

_OWN_WORDS = re.compile(rf"""(\b(?:system|about|stop)["']?\s*=\s*)(?:{_VALUE})""")


def without_secrets(text: str) -> str:
    """The text without tokens and passwords."""
    for value in _known_secrets():
        text = text.replace(value, GONE)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return _ASSIGNED.sub(_without_value, text)


def for_others(text: str) -> str:
    """Without secrets, and without names of pictures, the user's name and the machine's."""
    text = without_secrets(text)
    for pattern in _PICTURES:
        text = pattern.sub(r"(picture).\1", text)
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = text.replace(home, "~")
    for name, instead in ((_user(), "(user)"), (socket.gethostname(), "(host)")):
        if len(name) > 2:
            text = re.sub(rf"\b{re.escape(name)}\b", instead, text)
    return text


def without_own_words(settings: str) -> str:
    """A settings file, maybe broken TOML, without what a person wrote for a model to read."""
    return _OWN_WORDS.sub(rf'\1"{GONE}"', settings)


def _without_value(found: re.Match[str]) -> str:
    name, sign, value = found["name"], found["sign"], found["value"]
    if "tokens" in name.lower() and _COUNT.match(value):
        return found[0]  # how many, not which
    return f"{name}{sign}{GONE}"


def _known_secrets() -> Iterator[str]:
    """Secrets of this process's environment, the longest first: one may be a part of another."""
    values = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and not _COUNT.fullmatch(value.strip())
    }
    # a path is no secret, and neither is a word: HF_TOKEN_PATH, GIT_TERMINAL_TOKEN=yes
    return iter(sorted((v for v in values if len(v) >= 8 and "/" not in v), key=len, reverse=True))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
