"""Which key bindings there are: all that vlmtui has, or those of the screen that is shown.

Each has an id, `area.action`, by which the settings give it other keys. Looking at all of them
imports every screen, so it is for the command line and for a thread.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from itertools import product

import msgspec
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from vlmtui.ui.keys import keymap
from vlmtui.ui.keys.keymap import Problem

HEADINGS = {
    "app": "Everywhere",
    "chooser": "Lists to choose from",
    "composer": "Writing",
    "details": "Details of a message",
    "edit": "Editing the message",
    "editor": "Writing a longer text",
    "figure": "A picture in the chat",
    "message": "The message under the cursor",
    "picker": "Looking for pictures",
    "picture": "A picture full screen",
    "side": "The statistics pane",
    "transcript": "Going through messages",
}
"""Headings of areas that aren't called what they should be on the screen."""

_FIRST = ("composer", "chat", "transcript", "message", "panes", "chats")
_LAST = ("app", "edit")


class Entry(msgspec.Struct, frozen=True):
    """One binding."""

    id: str
    keys: str
    """Comma separated, in Textual's spelling."""

    description: str
    action: str
    owner: type[DOMNode]
    """The class that declares it."""

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]

    @property
    def heading(self) -> str:
        return HEADINGS.get(self.area, self.area.replace("_", " ").capitalize())


def _order(entry: Entry) -> tuple[int, str]:
    """What is used most comes first, then the other areas by name."""
    area = entry.area
    if area in _FIRST:
        return (_FIRST.index(area), area)
    return (len(_FIRST) + (1 + _LAST.index(area) if area in _LAST else 0), area)


# -------------------------------------------------------------------------------------------- all


def every_class() -> list[type[DOMNode]]:
    """Every application, screen and widget of vlmtui."""
    import vlmtui.ui as package

    classes: dict[str, type[DOMNode]] = {}
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for thing in vars(module).values():
            ours = getattr(thing, "__module__", "").startswith(f"{package.__name__}.")
            if ours and isinstance(thing, type) and issubclass(thing, DOMNode):
                classes[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return [classes[name] for name in sorted(classes)]


def declared(owner: type[DOMNode]) -> list[Binding]:
    """The bindings that a class declares itself."""
    return [
        binding if isinstance(binding, Binding) else Binding(*binding)
        for binding in vars(owner).get("BINDINGS", ())
    ]


def every_binding() -> list[Entry]:
    """Every binding that has an id, by area."""
    entries: dict[str, Entry] = {}
    for owner in every_class():
        for binding in declared(owner):
            if binding.id is None or not binding.description:
                continue
            keys = binding.key
            if binding.id in entries:  # a binding for each key
                keys = f"{entries[binding.id].keys},{keys}"
            keys = ",".join(keymap.canonical(key) or key for key in keys.split(","))
            entries[binding.id] = Entry(
                binding.id, keys, binding.description, binding.action, owner
            )
    return sorted(entries.values(), key=_order)


# ------------------------------------------------------------------------------ the user's own keys


def check(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Hold the user's keys, as `keymap.parse` has them, against the bindings there are.

    Returns:
        What can be used, and why the rest can't.
    """
    entries = {entry.id: entry for entry in every_binding()}
    usable: dict[str, str] = {}
    problems = []
    for binding, keys in wanted.items():
        entry = entries.get(binding)
        if entry is None:
            problems.append(
                Problem(binding, "there is no such binding", _nearest(binding, entries))
            )
        elif _is_typed_over(entry) and any(map(keymap.types_itself, keys.split(","))):
            problems.append(
                Problem(
                    binding,
                    "a plain character would be typed into the message",
                    "Add ctrl or alt, or use a function key",
                )
            )
        else:
            usable[binding] = keys
    homes = _homes(entries)
    while (problem := _first_clash(entries, homes, usable)) is not None:
        del usable[problem.binding]
        problems.append(problem)
    return usable, problems


def _nearest(binding: str, entries: Mapping[str, Entry]) -> str:
    near = difflib.get_close_matches(binding, entries, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + "`vlmtui keys` lists them"


def _is_typed_over(entry: Entry) -> bool:
    """Whether a text field has the focus where the binding counts."""
    from vlmtui.ui.screens.chat.chat_screen import ChatScreen
    from vlmtui.ui.widgets.composer.composer import Composer

    return issubclass(entry.owner, (App, Composer)) or issubclass(ChatScreen, entry.owner)


def _first_clash(
    entries: Mapping[str, Entry],
    homes: Mapping[str, set[type[DOMNode]]],
    remapped: Mapping[str, str],
) -> Problem | None:
    for binding, other in product(remapped, entries):
        one, two = entries[binding], entries[other]
        if binding == other or not homes[binding] & homes[other] or not _meet(one, two):
            continue
        keys = set(remapped[binding].split(","))
        taken = keys & set(remapped.get(other, two.keys).split(","))
        taken -= set(one.keys.split(",")) & set(two.keys.split(","))  # so by default
        if taken:
            return Problem(
                binding,
                f"{keymap.shown(min(taken))} is taken by {other} ({two.description.lower()})",
                "Choose another key for one of them",
            )
    return None


def _homes(entries: Mapping[str, Entry]) -> dict[str, set[type[DOMNode]]]:
    """The screens on which each binding counts."""
    from vlmtui.ui.screens.chat.chat_screen import ChatScreen

    screens: set[type[DOMNode]] = {
        owner for owner in every_class() if issubclass(owner, Screen) and not owner.__subclasses__()
    }

    def home(entry: Entry) -> set[type[DOMNode]]:
        if issubclass(entry.owner, App):
            return screens
        if issubclass(entry.owner, Screen):
            return {screen for screen in screens if issubclass(screen, entry.owner)}
        beside = [e.owner for e in entries.values() if e.area == entry.area]
        own = {screen for screen in screens if any(issubclass(screen, o) for o in beside)}
        return own or {ChatScreen}

    return {name: home(entry) for name, entry in entries.items()}


def _meet(one: Entry, two: Entry) -> bool:
    """Whether both count at the same time: two widgets don't have the focus at once."""
    return (
        issubclass(one.owner, (App, Screen))
        or issubclass(two.owner, (App, Screen))
        or issubclass(one.owner, two.owner)
        or issubclass(two.owner, one.owner)
    )


# ------------------------------------------------------------------------------------------- shown


def of_screen(screen: Screen[object]) -> list[tuple[Entry, DOMNode]]:
    """The bindings that count on a screen, with the keys they have now, and whose they are.

    Those of widgets count while these have the focus.
    """
    found: dict[str, tuple[Entry, DOMNode]] = {}
    for node in _nodes(screen):
        keys: dict[str, list[str]] = {}
        bindings: dict[str, Binding] = {}
        for key, here in keymap.bound(node).items():
            for binding in here:
                outside = node is screen.app and screen.is_modal and not binding.priority
                if binding.id and binding.description and not outside:
                    keys.setdefault(binding.id, [])
                    if key not in keys[binding.id]:
                        keys[binding.id].append(key)
                    bindings[binding.id] = binding
        for name, binding in bindings.items():
            entry = Entry(
                name, ",".join(keys[name]), binding.description, binding.action, type(node)
            )
            found.setdefault(name, (entry, node))
    return sorted(found.values(), key=lambda pair: _order(pair[0]))


def _nodes(screen: Screen[object]) -> Iterator[DOMNode]:
    """The focused widget first, then one of each other class, the screen, the application."""
    seen: set[type[DOMNode]] = set()
    focused = [screen.focused] if screen.focused is not None else []
    for node in [*focused, *screen.walk_children(), screen, screen.app]:
        if type(node) not in seen:
            seen.add(type(node))
            yield node
