"""A topic of the chat screen, and what every topic is given.

A topic is an object: it registers what it can do and what it wants to hear of, and knows the screen
only through its `ChatContext`. Work that blocks is done in a thread and awaited where its result is
needed; an error of it, foreseen or not, is told there, and the screen goes on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.binding import Binding

from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome
from vlmtui.commands.picture_commands import NotOnThisMachine
from vlmtui.commands.specs import slashed
from vlmtui.commands.verbs import BUSY
from vlmtui.errors import (
    EmptyPrompt,
    EngineCrashed,
    MessageNotFound,
    NothingToContinue,
    TurnRunning,
    VlmtuiError,
)
from vlmtui.stats.engine_progress import unloaded
from vlmtui.storage.records import Draft
from vlmtui.ui import background
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.chat_facts import ThreadShown
from vlmtui.ui.screens.chat.screen_commands import Handler, ScreenCommands
from vlmtui.ui.screens.chat.stream import Stream

if TYPE_CHECKING:
    from textual.worker import Worker

    from vlmtui.chat.available_models import AvailableModels
    from vlmtui.chat.preferences import Preferences
    from vlmtui.chat.session import ChatSession
    from vlmtui.storage.records import StoredMessage
    from vlmtui.ui.screens.chat.chat_screen import ChatScreen
    from vlmtui.ui.screens.chat.turn import Turn
    from vlmtui.ui.widgets.composer.prompt_area import Prompt
    from vlmtui.ui.widgets.transcript.transcript import Transcript

T = TypeVar("T")

_NOTHING_DONE = (EmptyPrompt, MessageNotFound, NothingToContinue, TurnRunning)
"""What is wrong with a command, and no part of the chat that it was given in."""

_DOING = {
    "load": "loading the model",
    "encode": "encoding a picture",
    "prefill": "reading the prompt",
    "decode": "answering",
}


class ChatContext:
    """What the topics of a chat screen share.

    Attributes:
        screen: The screen.
        stream: Brings what turns, loads and switches tell.
        restored: Set once what is on disk has been shown.
        turn: The turn that goes on.
        asking: What becomes of a message that is sent, where it isn't just the next one.
        left: The screen is being left: nothing is shown any more.
        opened: Gets the conversation.
        commands: Does what a command says.
        actions: What keys do, by the name that stands in their binding.
        handlers: What is called with a fact, by its type: a message of a widget (where that isn't
            imported before the first paint, by its `handler_name`); an event of a turn, a load or
            a switch, which the state of the engine has already; what is in `chat_facts`.
        stops: Asked when Esc is pressed, in this order, until one returns True: it had something to
            stop. The turn or the load is stopped after all of them.
        set_aside: Texts that are neither in the composer nor in the chat; drafts have them, too.
        holds: Asked before a message is sent, until one returns True: it isn't sent now, but
            submitted again by who has said so.
        applies: Whether a key counts just now, by the name of its action.
    """

    def __init__(self, screen: ChatScreen) -> None:
        self.screen = screen
        self.stream = Stream(self)
        self.turn: Turn | None = None
        self.asking: Callable[[CommandContext, str], Outcome] | None = None
        self.left = False
        self.opened: Future[ChatSession] = Future()
        self.restored = asyncio.Event()
        self.commands = ScreenCommands(self)
        self.actions: dict[str, Callable[..., object]] = {}
        self.handlers: defaultdict[type[object] | str, list[Handler]] = defaultdict(list)
        self.stops: list[Callable[[], bool]] = []
        self.set_aside: list[Callable[[], str]] = [self._unsaved]
        self.holds: list[Callable[[str], bool]] = []
        self.applies: dict[str, Callable[[], bool]] = {}
        self._available_models: AvailableModels | None = None

    @property
    def prompt(self) -> Prompt:
        return self.screen.prompt

    @property
    def transcript(self) -> Transcript:
        return self.screen.transcript

    @property
    def busy(self) -> bool:
        """Whether a turn is going on: nothing else may change the chat."""
        return self.turn is not None

    def must_wait(self, advice: str = BUSY.advice) -> bool:
        """Whether a turn is going on; says so then."""
        if self.busy:
            self.prompt.say(BUSY.message, advice)
        return self.busy

    async def emit(self, fact: object, name: str = "") -> None:
        """Call all handlers of such a fact, or of one with this name, one after the other."""
        for handler in self.handlers.get(name or type(fact), ()):
            if isawaitable(done := handler(fact)):
                await done

    def emit_now(self, fact: object) -> None:
        """Call all handlers of such a fact before this returns: none of them may wait."""
        for handler in self.handlers.get(type(fact), ()):
            handler(fact)

    def watch(self, name: str, changed: Callable[..., None]) -> None:
        """Have something done at first, and whenever a reactive of the screen has changed."""
        screen = self.screen
        self.handlers[events.Mount].append(lambda _: screen.watch(screen, name, changed))

    # ------------------------------------------------------------------ what is written, and shown

    @property
    def draft(self) -> Draft:
        """What was written and isn't in the chat."""
        texts = (*(text() for text in self.set_aside), self.prompt.text)
        return self.prompt.draft_of("\n\n".join(text for text in texts if text.strip()))

    def _unsaved(self) -> str:
        return self.turn.unsaved if self.turn is not None else ""

    async def show_thread(self, thread: Sequence[StoredMessage], *, stay: bool = False) -> None:
        """Show another chat or branch; `stay` keeps what is being read in its place."""
        await self.transcript.show(thread, stay=stay)
        self.emit_now(ThreadShown(thread))

    # ------------------------------------------------------------------ work

    def session(self) -> ChatSession:
        """The conversation. Waits until it is open: for threads, and for what comes of it."""
        return self.opened.result()

    def available_models(self) -> AvailableModels:
        """What knows the models; imports and blocks."""
        if self._available_models is None:
            self._available_models = self.screen.open_available_models()
        return self._available_models

    @property
    def preferences(self) -> Preferences | None:
        """How the chat wants to be answered; None while the conversation isn't open."""
        if not self.opened.done() or self.left:
            return None
        return self.opened.result().preferences

    def cancel(self) -> None:
        """End what goes on, be it that nobody looks: an answer, a load, waiting for another's."""
        self.start(self.on_session(lambda session: session.cancel()), "cancel")

    async def on_session(self, work: Callable[[ChatSession], T]) -> T:
        """What `work` makes of the conversation, in a thread, once the conversation is open."""
        return await in_thread(lambda: work(self.session()))

    def start(
        self, work: Coroutine[Any, Any, object], group: str, *, exclusive: bool = True
    ) -> Worker[object]:
        """Start work while the screen goes on (see `background.start`); errors are shown."""
        return background.start(self.screen, work, group, self.complain, exclusive=exclusive)

    def complain(self, error: VlmtuiError) -> None:
        """Say above the composer what went wrong."""
        if self.left:
            return
        hint, command = slashed(". ".join(error.hint.splitlines())), ""
        if isinstance(error, NotOnThisMachine):
            command = error.command
            key = keymap.keys_of(self.screen.app, "chat.copy_command", "f8")
            hint = f"Run this on yours ({key} copies it), then send again:"
        self.prompt.say(error.message, hint, error=True, command=command)

    async def report(self, error: VlmtuiError) -> None:
        """Say in the transcript what went wrong with the model or the chat."""
        if isinstance(error, _NOTHING_DONE):
            self.complain(error)
        elif not self.left:
            if isinstance(error, EngineCrashed):
                self.screen.engine_state = unloaded(self.screen.engine_state)
            details = self.circumstances(error)
            await self.transcript.tell(error.message, slashed(error.hint), details, error=True)

    def circumstances(self, error: BaseException | None) -> str:
        """What the engine's process was doing when it died, and where its log is."""
        if not isinstance(error, EngineCrashed):
            return ""
        log = self.screen.log_path
        lines = [f"It was {_DOING.get(error.phase, error.phase)}"] if error.phase else []
        if log is not None and str(log) not in error.hint:
            lines.append(f"Its log: {log}")
        return "\n".join(lines)


def key(keys: str, action: str, does: str, name: str = "") -> Binding:
    """A key that does what a topic has registered; also its id, unless that has another name."""
    name = name or f"chat.{action}"
    return Binding(keys, f"topic('{action}')", does, id=name, priority=True)


class Topic:
    """Something that can be done on the chat screen."""

    BINDINGS: ClassVar[tuple[Binding, ...]] = ()

    def __init__(self, chat: ChatContext) -> None:
        self.chat = chat
