"""A chat as one HTML file that needs nothing else: pictures and style are inside.

There are no scripts, and a browser that opens the file fetches nothing: pictures that a model links
to become text, and a content security policy says so once more. All text from outside is escaped.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, BinaryIO

from markdown_it import MarkdownIt

from vlmtui import printable
from vlmtui.chat import export_words as words
from vlmtui.chat.export_json import base64_pieces
from vlmtui.chat.markdown_parser import new_parser
from vlmtui.engine import images, thumbnails
from vlmtui.errors import ImageError
from vlmtui.messages import ImagePart, Role, readable
from vlmtui.storage.records import Chat, StoredMessage

_SHOWN = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""Formats that browsers show; others are turned into PNG."""

_LARGEST_SIDE = 2048
"""Pixels of such a PNG: more than is shown, and less than takes much memory to make."""

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --dim: #59636e; --back: #ffffff;
  --card: #f4f6f8; --line: #d5dae0; --you: #2f6fde; --model: #1a7f4b; --wrong: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ec; --dim: #9aa4ae; --back: #14171b;
  --card: #1d2127; --line: #343b44; --you: #7aa7ff; --model: #5fd08f; --wrong: #ff8f85; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; }
section { border-left: 3px solid var(--model); padding: .1rem 0 .1rem 1rem; margin: 1.6rem 0; }
section.user { border-color: var(--you); }
section.system { border-color: var(--dim); }
header { font-size: .85rem; color: var(--dim); }
header b { color: var(--model); }
section.user header b { color: var(--you); }
.text { white-space: pre-wrap; }
.note { font-size: .85rem; color: var(--dim); }
summary { cursor: pointer; }
.failed { color: var(--wrong); }
figure { display: inline-block; margin: .6rem .6rem .2rem 0; max-width: 100%; }
figure img { max-width: 100%; max-height: 26rem; border-radius: 6px; display: block; }
figcaption { font-size: .8rem; color: var(--dim); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .7rem;
  overflow-x: auto; }
code { font: .9em ui-monospace, monospace; background: var(--card); border-radius: 3px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem;
  color: var(--dim); }
a { color: var(--you); }
"""

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="vlmtui">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
"""


def pieces(chat: Chat, thread: Sequence[StoredMessage]) -> Iterator[bytes]:
    """The document, in pieces that are no larger than a picture."""
    yield _HEAD.format(title=_escaped(words.title(chat)), style=_STYLE).encode()
    if chat.system:
        text = _escaped(printable.prose(chat.system))
        yield (
            '<section class="system"><header><b>System prompt</b></header>\n'
            f'<p class="text">{text}</p></section>\n'
        ).encode()
    for stored in thread:
        yield from _message(stored)
    yield b"</body>\n</html>\n"


def _message(stored: StoredMessage) -> Iterator[bytes]:
    role = stored.message.role
    yield (
        f'<section class="{role.value}"><header><b>{_escaped(words.speaker(stored))}</b>'
        f" {_escaped(words.day(stored.created))}</header>\n"
    ).encode()
    for image in stored.message.images:
        yield from _figure(image)
    if thought := printable.prose(stored.message.thought).strip():
        yield (
            f'<details class="note"><summary>{_escaped(words.thought(stored))}</summary>\n'
            f'<p class="text">{_escaped(thought)}</p></details>\n'
        ).encode()
    if text := printable.prose(readable(stored.message)).strip("\n"):
        if role is Role.ASSISTANT:
            yield _markdown(text).encode()
        else:
            yield f'<p class="text">{_escaped(text)}</p>\n'.encode()
    if note := words.footnote(stored):
        kind = "note failed" if stored.status == "failed" else "note"
        yield f'<p class="{kind}">{_escaped(note)}</p>\n'.encode()
    yield b"</section>\n"


def _figure(image: ImagePart) -> Iterator[bytes]:
    name = _escaped(printable.line(image.name))
    try:
        kind, file = _shown(image)
    except (ImageError, OSError):
        yield f'<p class="note">The picture {name} is missing.</p>\n'.encode()
        return
    with file:
        yield f'<figure><img alt="{name}" src="data:{kind};base64,'.encode()
        yield from base64_pieces(file)
    yield f'"><figcaption>{name} · {image.width}×{image.height}</figcaption></figure>\n'.encode()


def _shown(image: ImagePart) -> tuple[str, BinaryIO]:
    """The picture in a format that browsers show."""
    info = images.inspect(image.path)
    if info.format in _SHOWN:
        return _SHOWN[info.format], open(image.path, "rb")
    buffer = io.BytesIO()
    thumbnails.thumbnail(image.path, _LARGEST_SIDE, _LARGEST_SIDE).save(buffer, "PNG")
    return "image/png", buffer


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _markdown(text: str) -> str:
    rendered: str = _parser().render(text)
    if rendered.strip():
        return rendered
    return f'<p class="text">{_escaped(text)}</p>\n'  # nothing but definitions of links


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = new_parser()
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("fence", _fence)
    return parser


def _image(renderer: Any, tokens: Sequence[Any], index: int, *_: Any) -> str:
    """A picture that a model links to: as text, since showing it would fetch it."""
    token = tokens[index]
    return _escaped(f"[{token.content}: {token.attrGet('src')}]")


def _fence(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    """Code, below what stands behind its language: a page has no other place for those words."""
    words = tokens[index].info.strip()
    rendered: str = renderer.fence(tokens, index, options, env)
    return f"<p>{_escaped(words)}</p>\n{rendered}" if " " in words else rendered


def _link(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    rendered: str = renderer.renderToken(tokens, index, options, env)
    return rendered
