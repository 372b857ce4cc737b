"""How the plain chat shows what came of a command: in lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vlmtui import printable
from vlmtui.commands.outcomes import Choices, Listing, Outcome, Said, Table
from vlmtui.commands.settings_commands import SystemPrompt
from vlmtui.plain.sitting import Sitting


def show(sitting: Sitting, outcome: Outcome) -> None:
    """Print an outcome."""
    _SHOWN[type(outcome)](sitting, outcome)


def _said(sitting: Sitting, said: Said) -> None:
    sitting.voice.note(said.message, said.advice)


def _listing(sitting: Sitting, listing: Listing) -> None:
    sitting.print_rows(iter(listing.rows), listing.nothing, listing.advice)


def _table(sitting: Sitting, table: Table) -> None:
    rows = (f"{label}: {printable.line(value, 400)}" for label, value in table.rows)
    sitting.voice.note(f"{table.heading}:")
    sitting.print_rows(rows, "", table.advice)


def _choices(sitting: Sitting, offered: Choices) -> None:
    rows = (printable.line(f"{each.value}: {each.note}") for each in offered.choices)
    sitting.print_rows(rows, "", offered.advice)


def _system(sitting: Sitting, prompt: SystemPrompt) -> None:
    back = "/system default takes that of the settings again"
    sitting.voice.note(
        f"System prompt: {prompt.text or 'none'}",
        f"This is this chat's own; {back}" if prompt.own else "",
    )


_SHOWN: dict[type[Outcome], Callable[[Sitting, Any], None]] = {
    Said: _said,
    Listing: _listing,
    Table: _table,
    Choices: _choices,
    SystemPrompt: _system,
}
