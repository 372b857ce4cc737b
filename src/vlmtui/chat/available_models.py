"""The models that a chat could go on with: which there are, what loads one, whether it would fit.

Joins the library, the settings and what memory is free. It loads nothing and looks into headers
only, so everything here takes milliseconds; it blocks all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vlmtui.chat import fit_verdict
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.chat.fitting import Prospect, machine_after_eviction
from vlmtui.chat.model_choice import Choice, Choices, choices, find, fitting
from vlmtui.chat.requests import named
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.models import added_servers, endpoints, local_servers, removal, search
from vlmtui.models.endpoints import Server, ServerModel
from vlmtui.models.fit import Machine
from vlmtui.models.installed import Discovery, InstalledModel
from vlmtui.models.removal import Removal
from vlmtui.settings import Settings, server_ports

if TYPE_CHECKING:
    from vlmtui.errors import AmbiguousFiles
    from vlmtui.models.download.events import Plan
    from vlmtui.models.download.pull import Pull
    from vlmtui.models.download.target import ImportWish


class AvailableModels:
    """What can be chosen. May be used from any thread.

    All methods raise `VlmtuiError` where the settings or a list of models can't be read or written.
    """

    def __init__(
        self,
        settings: Settings,
        pid: Callable[[], int | None] = lambda: None,
        *,
        imports: ImportWish | None = None,
    ) -> None:
        """Look at nothing yet.

        Args:
            settings: How the user wants models loaded.
            pid: Tells the engine's process, whose model would make way.
            imports: What is pulled are checkpoints, to be imported so.
        """
        self._settings = settings
        self._pid = pid
        self._imports = imports

    def survey(self) -> Discovery:
        """All models on this machine, and the files that can't be used."""
        return search.survey()

    def served(self) -> list[ServerModel]:
        return endpoints.models()

    def served_here(self) -> list[ServerModel]:
        """Models of servers on this machine that nobody has added yet; takes half a second."""
        found = local_servers.look(server_ports(self._settings))
        return [model for server in found for model in server.models]

    def choices(self) -> Choices:
        """All models, those that could be had among them, and roughly what each takes."""
        return choices(self._settings, self.machine())

    def choice(self, name: str) -> Choice:
        """A model of these, by its name or the path of its file; raises `ModelNotFound`."""
        return find(name, self._settings, self.machine())

    def instead(self) -> str:
        """What could be done where a model is too big: in words, empty if nothing."""
        found = self.choices()
        for among, words in (
            (found.here, "/model {} takes the largest that fits"),
            (found.elsewhere, "{} would fit: /models downloads it"),
        ):
            for choice in fitting(among):
                return words.format(choice.name)
        return ""

    def removal(self, name: str) -> Removal:
        """What deleting a model would do; changes nothing.

        Raises:
            InputError: There is no such model, or it isn't ours to delete.
        """
        model = search.by_name(name)
        return removal.plan(model, [each for each in search.survey().models if each != model])

    def remove(self, planned: Removal) -> None:
        """Delete a model; raises `StorageError` where a file can't be deleted."""
        removal.carry_out(planned)

    def is_server(self, address: str) -> bool:
        """Whether an address of the web is that of a server of models, and not of a file."""
        from vlmtui.models.download import hub  # it imports a client for the network

        path = address.partition("?")[0].lower()
        return not path.endswith(".gguf") and hub.address(address) is None

    def add_server(self, address: str) -> Server:
        """Put a server and its models on the list; raises as `added_servers.add`."""
        return added_servers.add(address, local_only=self._settings.local_only)

    def forget_server(self, server: Server) -> None:
        endpoints.SERVERS.remove(server.name)

    def pull(self, wanted: str, *, model: str = "", mmproj: str = "") -> Pull:
        """What fetches a model, see `Pull`; nothing is fetched yet."""
        from vlmtui.models.download.pull import Pull  # it imports a client for the network

        return Pull(wanted, model=model, mmproj=mmproj, imports=self._imports)

    def expected(self, plan: Plan) -> FitVerdict:
        """Whether what would be fetched will fit; asks the network for headers."""
        from vlmtui.chat import pulling

        return pulling.expected(plan, self._settings, self.machine())

    def among(
        self, wanted: str, error: AmbiguousFiles, *, model: str = "", mmproj: str = ""
    ) -> list[FitVerdict]:
        """Whether a model would fit with each of the files that an error of `pull` names."""
        from vlmtui.chat import pulling

        return pulling.among(
            wanted, error, self._settings, self.machine(), model=model, mmproj=mmproj
        )

    def load(self, name: str) -> Load:
        """What loads a model of the library, by its name or the path of its file.

        Raises:
            ModelNotFound: There is no such model.
            InputError: The key to the server that runs it is missing.
            BadModelFile: Its files are damaged, no model, or don't go together. This is known from
                their headers, before the model that answers has made way.
        """
        load = named(self._settings, name)
        if isinstance(load.source, Files):
            Prospect.of(load)
        return load

    def machine(self) -> Machine:
        return machine_after_eviction(self._pid())

    def fit_verdict(self, model: InstalledModel, machine: Machine) -> FitVerdict:
        """Whether a model of `survey` would fit a `machine`, from its headers."""
        return fit_verdict.of_model(model, self._settings, machine)
