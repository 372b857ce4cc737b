"""Markdown exports: what a model wrote is shown, and nothing of it is fetched or run."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vlmtui.chat.export_markdown import _whole
from vlmtui.chat.inert_markdown import inert

LIVE = re.compile(r"<(img|script|iframe|svg|a href=.(?:javascript|data|file):)", re.IGNORECASE)
VIEWERS = (
    MarkdownIt("commonmark", {"html": True}).enable("table"),
    MarkdownIt("gfm-like", {"html": True, "linkify": False}),
)


def shown(text: str) -> list[str]:
    """As viewers that let HTML through show it."""
    return [viewer.render(inert(text)) for viewer in VIEWERS]


@pytest.mark.parametrize(
    "text",
    [
        "![cat](https://example.org/a.png)",
        "![cat][1]\n\n[1]: https://example.org/a.png",
        "text <img src=x onerror=alert(1)> more",
        "<script>alert(1)</script>",
        "<!-- --><script>alert(1)</script>",
        "- item\n  ```\n  code\nout <img src=x>",
        "> ```\n> code\n\n<img src=x>",
        "\\\\<img src=x>",
        "\\\\![cat](https://example.org/a.png)",
        "`one\n` <img src=x> ` two",
        "a ` b\n\n<img src=x> ` c",
        "| a ` | b |\n|---|---|\n| x ` | <img src=x> ` |",
        "\\` <img src=x> `",
        "`` ` <img src=x> ``` ` <img src=x>",
        "<svg><script>alert(1)</script></svg>",
        "<ScRiPt>alert(1)</sCrIpT>",
        "* " * 30 + "<img src=x>",
        "> " * 60 + "<img src=x>",
        "[x]: y\n<img src=x>",
        "# `head <img src=x>\n` <img src=x>",
    ],
)
def test_nothing_is_live(text: str) -> None:
    for html in shown(text):
        assert not LIVE.search(re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)), html


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "JavaScript:x", "data:text/html,x"])
def test_links_lead_to_pages_alone(scheme: str) -> None:
    viewer = MarkdownIt("commonmark", {"html": True})
    # one that doesn't look at addresses itself
    viewer.validateLink = lambda url: True
    for text in (f"[x]({scheme})", f"[x](<{scheme}>)", f"[x]\n\n[x]: {scheme}", f"<{scheme}>"):
        html = viewer.render(inert(text))
        assert not re.search(r'href="(javascript|data):', html, re.IGNORECASE), html


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<img src=x>\n![a](b)\n```",
        "    <script>indented</script>",
        "use `<img>` and `` `![a](b)` `` here",
        "1 < 2 and a <- b, a<5",
        "\\<img> and \\![a](b)",
        "[a link](https://example.org) and *stress*",
        "> - `<b>`\n>   ```\n>   <b>\n>   ```\n",
    ],
)
def test_what_is_not_live_stays_as_it_was(text: str) -> None:
    assert inert(text) == text


PIECES = st.sampled_from(
    ["<img src=x>", "![a](http://b)", "`", "``", "```", "~~~", "\n", "\n\n", "    ", "- ", "> ",
     "\\", "| a | b |\n|---|---|\n", "x", " ", "# ", "1. ", "<script>", "\t", "[1]: ", "*"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_nothing_is_live_however_it_is_put_together(text: str) -> None:
    for html in (viewer.render(_whole(text)) for viewer in VIEWERS):
        assert "<img" not in html and "<script" not in html, (text, inert(text), html)
