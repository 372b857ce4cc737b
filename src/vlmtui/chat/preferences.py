"""How a chat wants to be answered: its system prompt and sampling, or else the settings'.

Pure; where they are kept is for the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from vlmtui.engine.base import Sampling
from vlmtui.errors import InputError
from vlmtui.storage.records import Chat


class Preferences:
    """The settings' defaults, and what one chat has of its own."""

    def __init__(self, system: str, sampling: Sampling) -> None:
        self._default_system = system
        self._default_sampling = sampling
        self.own_system: str | None = None
        """The chat's own system prompt; empty for none at all, None for the settings'."""

        self.own_sampling: dict[str, Any] | None = None
        """The fields of `Sampling` that the chat has of its own; None for the settings'."""

    @property
    def system(self) -> str:
        """The system prompt in force."""
        return self._default_system if self.own_system is None else self.own_system

    @property
    def sampling(self) -> Sampling:
        """The sampling in force."""
        return self._merged(self.own_sampling or {})

    def take(self, chat: Chat | None) -> None:
        """Take over what a chat has of its own; nothing for a new one."""
        self.own_system = chat.system if chat else None
        self.own_sampling = None
        if chat and chat.sampling:
            # What another version has written may mean nothing here.
            with suppress(InputError):
                self.choose_sampling(chat.sampling)

    def choose_sampling(self, sampling: Mapping[str, Any] | Sampling | None) -> None:
        """Give the chat a sampling of its own.

        Args:
            sampling: All of it, or the fields that differ from the settings'; None for those.

        Raises:
            InputError: There is no such field, or its value can't be.
        """
        if isinstance(sampling, Sampling):
            sampling = msgspec.structs.asdict(sampling)
        self._merged(sampling or {})
        self.own_sampling = dict(sampling) if sampling else None

    def _merged(self, own: Mapping[str, Any]) -> Sampling:
        known = msgspec.structs.asdict(self._default_sampling)
        if unknown := [name for name in own if name not in known]:
            raise InputError(
                f"There is no sampling setting {unknown[0]!r}", "There are: " + ", ".join(known)
            )
        try:
            return msgspec.convert({**known, **own}, Sampling)
        except msgspec.ValidationError as error:
            raise InputError(f"That sampling can't be: {error}", "Give it a number") from None
