"""Keys as people write them in the settings, and as they are shown: `ctrl+j` and `Ctrl+J`.

A binding's id stands for what it does, the settings' `[keys]` table says which keys do it. This
module reads that table; which bindings there are is known in `bindings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from textual.keys import REPLACED_KEYS, Keys, _character_to_key, format_key, key_to_character

if TYPE_CHECKING:
    from textual.app import App
    from textual.binding import Binding
    from textual.dom import DOMNode

_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_NAMED = {key.value for key in Keys if "+" not in key.value and not key.value.startswith("<")}
_ALIASES = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "del": "delete",
    "ins": "insert",
}
_SENT_AS = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+left_square_bracket": "Escape"}
"""Keys that no terminal tells from another one."""

_SHOWN = {
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "insert": "Ins",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "minus": "-",
}


class Problem(msgspec.Struct, frozen=True):
    """A line of the `[keys]` table that can't be followed."""

    binding: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"[keys] {self.binding}: {self.message}. {self.hint}"


def parse(table: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Read the table as far as it can be read without knowing the bindings.

    Returns:
        The keys of each binding in Textual's spelling, and what can't be followed.
    """
    keymap: dict[str, str] = {}
    problems = []
    for binding, text in table.items():
        words = _words(text)
        keys = [key for key in map(canonical, words) if key is not None]
        unknown = [word for word in words if canonical(word) is None]
        same = [key for key in keys if key in _SENT_AS]
        if unknown:
            example = "For example: ctrl+k, alt+up, f5, pageup"
            problems.append(Problem(binding, f"there is no key {unknown[0]!r}", example))
        elif same:
            why = f"terminals send {same[0]} as {_SENT_AS[same[0]]}"
            problems.append(Problem(binding, why, "Choose another key"))
        elif not keys:
            hint = "Delete the line for the default"
            problems.append(Problem(binding, "no key is given", hint))
        elif all(map(_needs_more_than_a_terminal, keys)):
            why = "most terminals send Shift+Enter as Enter"
            problems.append(Problem(binding, why, "Name another key as well"))
        else:
            keymap[binding] = ",".join(dict.fromkeys(keys))
    return keymap, problems


_WORD = re.compile(r"\s*((?:[a-z]+\s*\+\s*)+,(?=\s*(?:,|$))|[^,]+)(?:,|$)", re.IGNORECASE)


def _words(text: str) -> list[str]:
    """Split at commas; one that stands alone, or last behind a plus, is the key itself."""
    if text.strip() == ",":
        return [","]
    return [word for word in map(str.strip, _WORD.findall(text)) if word]


def _needs_more_than_a_terminal(key: str) -> bool:
    *modifiers, name = key.split("+")
    return name == "enter" and "shift" in modifiers


def canonical(word: str) -> str | None:
    """A key as Textual spells it, or None where there is no such key."""
    # the plus that ends it is the key itself
    spelled = re.sub(r"(^|\+\s*)\+$", r"\1plus", word.strip())
    *modifiers, name = [part.strip() for part in spelled.split("+")]
    modifiers = sorted({modifier.lower() for modifier in modifiers})
    if not set(modifiers) <= set(_MODIFIERS):
        return None
    if len(name) == 1:
        if modifiers == ["shift"] and name.isalpha():
            modifiers, name = [], name.upper()
        name = _character_to_key(name.lower() if modifiers else name)
    else:
        name = name.lower()
        name = _ALIASES.get(name, name)
        if name not in _NAMED and _character(name) is None:
            return None
    return "+".join([*modifiers, name])


def types_itself(key: str) -> bool:
    """Whether the key is a character, which a text field takes."""
    character = _character(key)
    return character is not None and character.isprintable()


def _character(key: str) -> str | None:
    return key_to_character(REPLACED_KEYS.get(key, key))


UP = "up,ctrl+p,ctrl+k"
DOWN = "down,ctrl+n,ctrl+j"
"""The keys that move in a list above which a text is typed: the arrows, those of readline, those
of fzf. Bound with priority, since the text knows some of them for itself."""


def shown(keys: str) -> str:
    """Keys as the interface names them: `Ctrl+J, Alt+Enter`."""
    return ", ".join(_shown(key.strip()) for key in keys.split(","))


def _shown(key: str) -> str:
    *modifiers, name = key.split("+")
    if name in _SHOWN:
        name = _SHOWN[name]
    elif len(name) == 1:
        name = name.upper() if modifiers else name
    elif name in _NAMED:
        name = name.capitalize()
    else:
        name = format_key(name)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def keys_of(app: App[object], binding: str, default: str) -> str:
    """The first key of a binding as the interface names it, the user's own if there is one."""
    return _shown(app._keymap.get(binding, default).partition(",")[0])


def bound(node: DOMNode) -> Mapping[str, list[Binding]]:
    """The bindings of a widget, a screen or the application by key, with the user's own keys."""
    bindings = node._bindings
    keymap = node.app._keymap
    if keymap:
        bindings = bindings.copy()
        bindings.apply_keymap(keymap)
    return bindings.key_to_bindings
