"""How a chat wants to be answered: its system prompt and sampling, or else the settings'; by whom.

A new chat has no row to keep this in before its first question, so it is kept here until then.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from vlmtui import wrong_values
from vlmtui.chat.branches import Branches
from vlmtui.engine.engine_requests import Sampling
from vlmtui.errors import InputError, StorageError
from vlmtui.settings import Preset
from vlmtui.storage.chats import ChatStore


class Preferences:
    """The settings' defaults, and what the open chat has of its own."""

    def __init__(
        self, store: ChatStore, branches: Branches, system: str, sampling: Sampling
    ) -> None:
        self._store = store
        self._branches = branches
        self._default_system = system
        self._default_sampling = sampling
        self._keeping = threading.Lock()
        self._system: str | None = None
        self._sampling: dict[str, Any] | None = None
        self.open()

    @property
    def system(self) -> str:
        """The system prompt in force."""
        return self._default_system if self._system is None else self._system

    @property
    def sampling(self) -> Sampling:
        default = msgspec.to_builtins(self._default_sampling)
        return msgspec.convert({**default, **checked(self._sampling)}, Sampling)

    @property
    def own_system(self) -> str | None:
        """The chat's own system prompt; empty for none at all, None for the settings'."""
        return self._system

    @property
    def own_sampling(self) -> dict[str, Any]:
        """The fields of the sampling that are the chat's own."""
        return dict(self._sampling or {})

    def open(self) -> None:
        """Take over what the chat that was opened has of its own; nothing for a new one."""
        chat = self._branches.chat
        self._system = chat.system if chat else None
        self._sampling = None
        with suppress(InputError):  # what another version has written may not do here
            self._sampling = (checked(known(chat.sampling)) or None) if chat else None

    def change(
        self,
        *,
        system: str | msgspec.UnsetType | None = msgspec.UNSET,
        sampling: Mapping[str, Any] | Sampling | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> None:
        """Give this chat its own system prompt or sampling, from the next answer on.

        Args:
            system: Empty for none at all; None for that of the settings.
            sampling: All of it or some of its fields; None for that of the settings.

        Raises:
            InputError: There is no such sampling.
            StorageError: It can't be kept; it is in force until vlmtui ends.
        """
        if not isinstance(sampling, msgspec.UnsetType):
            self._sampling = checked(sampling) or None
        if not isinstance(system, msgspec.UnsetType):
            self._system = system
        self._keep()

    def note_model(self, name: str) -> None:
        """Keep who answers the chat; the answers say so too, so that the disk may refuse it."""
        with suppress(StorageError):
            self._keep(name)

    def _keep(self, model: str | None = None) -> None:
        with self._keeping:
            old = self._branches.chat
            if old is None:
                return  # it will be done with the first question
            new = msgspec.structs.replace(
                old, system=self._system, sampling=self._sampling, model=model or old.model
            )
            if new != old:
                self._store.configure(new)
                self._branches.chat = new


def known(sampling: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of a sampling that mean something here; a later version may have others."""
    fields = Sampling.__struct_fields__
    return {name: value for name, value in (sampling or {}).items() if name in fields}


def checked(sampling: Mapping[str, Any] | Sampling | None) -> dict[str, Any]:
    """A chat's own sampling, all of it or some fields, if the settings would take it too.

    Raises:
        InputError: There is no such field, or its value can't be.
    """
    fields_of = sampling if isinstance(sampling, Sampling) else dict(sampling or {})
    own: dict[str, Any] = msgspec.to_builtins(fields_of)
    fields = Sampling.__struct_fields__
    if unknown := [name for name in own if name not in fields]:
        raise InputError(
            f"There is no sampling setting {unknown[0]!r}", "There are: " + ", ".join(fields)
        )
    try:
        as_settings = {name: own[name] for name in Preset.__struct_fields__ if name in own}
        msgspec.convert(as_settings, Preset)
        constraint = msgspec.convert(own, Sampling).constraint
    except msgspec.ValidationError as error:
        key, what = wrong_values.in_words(str(error))
        raise InputError(
            f"The sampling setting `{key}` can't be used: {what}", "Correct it"
        ) from None
    if constraint is not None:
        from vlmtui.engine.structured import constraints  # few chats have one

        constraints.grammar(constraint)
    return own
