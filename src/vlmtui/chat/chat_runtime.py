"""What stands behind the chat, full screen or plain: database, pictures, engine, session.

Imported and opened when it is needed: the screen is painted before.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui import paths
from vlmtui.chat.requests import sampling
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import StorageError
from vlmtui.models.installed import DEMO
from vlmtui.settings import Settings, keep_alive_seconds

if TYPE_CHECKING:
    from vlmtui.chat.available_models import AvailableModels
    from vlmtui.chat.session import ChatSession
    from vlmtui.engine.base import Engine
    from vlmtui.storage.chats import ChatStore
    from vlmtui.storage.images import ImageStore
    from vlmtui.storage.temporary_store import TemporaryStore

_QUIET_AFTER_SECONDS = 60.0
"""By then the model is loaded, and what starting had to do is done."""


class ChatRuntime:
    """Opens and closes what a chat runs on."""

    def __init__(self, settings: Settings, load: Load, continue_last: bool) -> None:
        self.load = load
        self._settings = settings
        self.continue_last = continue_last
        self._engine: Engine | None = None
        self._store: ChatStore | None = None
        self._session: ChatSession | None = None
        self._unsaved: TemporaryStore | None = None
        self._tidying: threading.Timer | None = None

    def open(self) -> ChatSession:
        """Open the chats and begin a session; when they can't be opened, one that isn't saved.

        Raises:
            StorageError: There is no place even for a session that isn't saved.
        """
        from vlmtui.chat.fitting_engine import FittingEngine
        from vlmtui.chat.session import ChatSession
        from vlmtui.engine.client import EngineClient

        store, images, warning = self._open_store()
        self._store = store
        self._engine = FittingEngine(EngineClient(engine_log(), keep_alive_seconds(self._settings)))
        self._session = ChatSession(
            self._engine,
            store,
            images,
            self.load,
            sampling=sampling(self._settings),
            system=self._settings.system,
            chat=store.latest() if self.continue_last else None,
            warning=warning,
            prepare=self._settings.prepare,
        )
        return self._session

    def _open_store(self) -> tuple[ChatStore, ImageStore, StorageError | None]:
        from vlmtui.storage.chats import ChatStore
        from vlmtui.storage.database import Database
        from vlmtui.storage.images import ImageStore
        from vlmtui.storage.temporary_store import TemporaryStore

        try:
            store = ChatStore(Database(paths.database_path()))
            images = ImageStore(paths.images_dir())
            self._tidy_later(store, images)
            return store, images, None
        except StorageError as error:
            self._unsaved = TemporaryStore(error, paths.data_place())
            return self._unsaved.store, self._unsaved.images, self._unsaved.warning

    def _tidy_later(self, store: ChatStore, images: ImageStore) -> None:
        """Remove what was deleted long ago, once nobody waits for the disk any more."""
        from vlmtui.chat.archive import Archive

        def tidy() -> None:
            with suppress(StorageError):  # it can be done another time
                Archive(store, images).tidy()

        self._tidying = threading.Timer(_QUIET_AFTER_SECONDS, tidy)
        self._tidying.daemon = True
        self._tidying.start()

    @property
    def samples(self) -> tuple[Path, ...]:
        """Pictures for a first try: those that the demo model can talk about."""
        if self.load.name != DEMO:
            return ()
        from vlmtui import demo

        return tuple(demo.sample_images())

    def available_models(self) -> AvailableModels:
        from vlmtui.chat.available_models import AvailableModels

        return AvailableModels(self._settings, self.pid)

    def pid(self) -> int | None:
        return self._engine.pid if self._engine is not None else None

    def finish(self) -> None:
        """Let the answer that is being written come to its end: the terminal is gone."""
        if self._session is not None:
            self._session.watching.finish(self._settings.finish_after_hangup * 60)

    def close(self) -> None:
        """Close what was opened. Safe to call twice."""
        if self._tidying is not None:
            self._tidying.cancel()
        if self._session is not None:
            self._session.close()
        if self._store is not None:
            self._store.close()
        if self._unsaved is not None:
            self._unsaved.close()


def engine_log() -> Path:
    """Where the engine's output goes; nowhere when there is no place for it."""
    try:
        return paths.engine_log_path()
    except StorageError:
        return Path(os.devnull)
