"""Everything that can be done, found by typing some letters of it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.dom import DOMNode

from vlmtui.commands import synonyms
from vlmtui.commands.spec import Spec
from vlmtui.ui.keys import keymap
from vlmtui.ui.keys.key_bindings import Entry
from vlmtui.ui.screens.dialogs.chooser import Choice, Chooser

COMMAND = "/"
"""What a chosen value begins with when it is a slash command, and not the id of a binding."""


class PaletteScreen(Chooser):
    """Actions by their names, with their keys, then the commands of the composer."""

    title_text = "Commands"
    placeholder = "What do you want to do?"


def actions(
    entries: Sequence[tuple[Entry, DOMNode]], focused: Sequence[DOMNode]
) -> dict[str, tuple[Entry, DOMNode]]:
    """What the palette offers of a screen's bindings, by id.

    `focused` is what has the focus, with all around it: the keys of other widgets don't count.
    """
    return {
        entry.id: (entry, node)
        for entry, node in entries
        if node in focused and entry.area not in ("edit", "chooser") and entry.id != "app.palette"
    }


def choices(offered: dict[str, tuple[Entry, DOMNode]], specs: Sequence[Spec]) -> list[Choice]:
    """The rows: commands that are also on a key stand once."""
    on_keys = {spec.binding for spec in specs}
    rows = [
        Choice(
            f"{COMMAND}{spec.name}",
            f"{COMMAND}{spec.name}",
            spec.summary,
            _key(offered[spec.binding][0]) if spec.binding in offered else "",
            spec.also,
        )
        for spec in specs
    ]
    rows += [
        Choice(
            *(entry.id, entry.description, entry.heading, _key(entry)),
            synonyms.KEYS.get(entry.id, ""),
        )
        for entry, _ in offered.values()
        if entry.id not in on_keys
    ]
    return rows


def _key(entry: Entry) -> str:
    return keymap.shown(entry.keys.partition(",")[0])
