"""A chat as Markdown, its pictures beside it.

What models write is Markdown already and stays, as far as it can't swallow what follows (a fence
that is never closed is closed) and is not live: no picture is fetched, no tag is one. Titles and
names are text, so their signs are escaped. This module knows no files.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from vlmtui import printable
from vlmtui.chat import export_words as words
from vlmtui.chat.inert_markdown import inert
from vlmtui.messages import readable
from vlmtui.storage.records import Chat, StoredMessage


def pieces(
    chat: Chat, thread: Sequence[StoredMessage], links: Mapping[str, str] | None
) -> Iterator[bytes]:
    """The document, a message at a time.

    `links` tell where the pictures lie, relative to the document, by SHA-256; those that are not
    in them are told to be missing. Without them no picture can lie beside it.
    """
    yield f"# {escaped(words.title(chat))}\n".encode()
    if chat.system:
        yield f"\n## System prompt\n\n{_whole(chat.system)}\n".encode()
    for stored in thread:
        yield _message(stored, links).encode()


def escaped(text: str) -> str:
    """Text in which no sign means anything to Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", text).replace("\n", " ")


def _message(stored: StoredMessage, links: Mapping[str, str] | None) -> str:
    day = words.day(stored.created)
    blocks = [f"\n## {escaped(words.speaker(stored))}" + (f" · {day}" if day else "")]
    for image in stored.message.images:
        name = escaped(printable.line(image.name))
        if links is None:
            blocks.append(f"*Picture: {name}*")
        elif link := links.get(image.sha256):
            blocks.append(f"![{name}]({quote(link)})")
        else:
            blocks.append(f"*The picture {name} is missing.*")
    if stored.message.thought.strip():
        summary = html.escape(words.thought(stored))
        thought = _whole(stored.message.thought.strip())
        blocks.append(f"<details><summary>{summary}</summary>\n\n{thought}\n\n</details>")
    if text := readable(stored.message).strip("\n"):
        blocks.append(_whole(text))
    if note := words.footnote(stored):
        blocks.append(f"*{escaped(note)}*")
    return "\n\n".join(blocks) + "\n"


def _whole(text: str) -> str:
    """The text with nothing live in it, and its last fence closed."""
    text = inert(printable.prose(text))
    fence = ""
    for line in text.split("\n"):
        match = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if not match:
            continue
        signs, rest = match.groups()
        if not fence:
            fence = "" if signs[0] == "`" and "`" in rest else signs
        elif signs.startswith(fence) and not rest.strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text
