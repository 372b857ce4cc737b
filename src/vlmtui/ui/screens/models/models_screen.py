"""The screen of all models: one is chosen, fetched or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from vlmtui import units
from vlmtui.chat.model_choice import Choice
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.models.models_fetch import ModelsFetch

if TYPE_CHECKING:
    from vlmtui.models.endpoints import Server

_ADDRESSES = ("hf:", "https://", "http://")
"""How what can be fetched begins, besides the names of the catalogue."""


class ModelsScreen(ModelsFetch):
    """Returns the name of the model that should answer, or None."""

    DEFAULT_CSS = """
    ModelsScreen {
        & .option-list--option {
            padding: 0 1;
        }
        &.-low .details {
            display: none;
        }
        &.-low.-details OptionList {
            display: none;
        }
        &.-low.-details .details {
            display: block;
            height: 1fr;
            border-top: none;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "remove", "Delete the model", id="models.remove")
    ]

    def enter(self) -> None:
        """Choose what the cursor is on, or what can be had at the address that was typed."""
        wanted = self.line.value.strip()
        if wanted.startswith(_ADDRESSES) and (self.row is None or self.row.name != wanted):
            self.begin(self._offer_address(wanted), "address")
        else:
            super().enter()

    def take(self, row: Choice) -> None:
        if row.here:
            self.dismiss(row.name)
        else:
            self.begin(self.offer_pull(row), "pull")

    # ------------------------------------------------------------------ servers

    async def _offer_address(self, address: str) -> None:
        """Ask whether to download what is there, or to list the models that run there."""
        web = not address.startswith("hf:")
        if not (web and await in_thread(lambda: self._open_available_models().is_server(address))):
            await self.offer_pull(Choice(address))
        elif await self.ask(f"Ask the server at {address} for its models, and list them here?"):
            server = await in_thread(lambda: self._open_available_models().add_server(address))
            self.line.value = server.name
            self.survey()

    async def _forget(self, server: Server) -> None:
        if await self.ask(
            f"Take {server.name} and its models off the list? Nothing is deleted there."
        ):
            await in_thread(lambda: self._open_available_models().forget_server(server))
            self.tell(f"{server.name} is no longer listed")
            self.survey()

    # ------------------------------------------------------------------ deleting

    def action_remove(self) -> None:
        row = self.row
        if row is None or not row.here:
            self.tell("There is nothing to delete: it is not on this machine")
            return
        server = row.served.server if row.served is not None else None
        going = [row.name] if server is None else [model.name for model in server.models]
        if self._current in going:
            self.tell(f"{self._current} is in use: choose another model first")
        elif row.found:
            self.tell(f"{row.name} is listed for as long as its server runs")
        elif server is not None:
            self.begin(self._forget(server), "remove")
        else:
            self.begin(self._remove(row.name), "remove")

    async def _remove(self, name: str) -> None:
        removal = await in_thread(lambda: self._open_available_models().removal(name))
        name = removal.model.name
        if removal.files:
            question = f"Delete {name}? That frees {units.size(removal.freed)}."
            done = f"{name} is deleted, {units.size(removal.freed)} freed"
        else:
            question = f"Take {name} off the list? Its file stays."
            done = f"{name} is no longer listed"
        if await self.ask(question):
            await in_thread(lambda: self._open_available_models().remove(removal))
            self.tell(done)
            self.survey()
