"""Text from outside that wants to be more than text, and whether a screen let it."""

from __future__ import annotations

import unicodedata

from textual.pilot import Pilot

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mesc \x9b5m \x00\x08\x7f [red]tag[/red] [/] "
    "[@click=app.owned]click[/] \u202egnp.exe\u2066"
)
"""Escape sequences in both spellings, control characters, markup, an action, text turned round."""

TAG = "[red]tag[/red]"
"""The part of it that must be seen as it is."""


def assert_harmless(pilot: Pilot[int]) -> None:
    """Nothing on the screen is a control character, turns text round, or does what text said."""
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            assert not any(map(_acts, segment.text)), segment
            meta = segment.style.meta if segment.style is not None else {}
            assert "owned" not in str(meta.get("@click")), segment


def _acts(character: str) -> bool:
    code = ord(character)
    bidi = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return bidi or unicodedata.category(character) in ("Cc", "Cs")
