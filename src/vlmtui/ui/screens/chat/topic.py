"""A topic of the chat screen, and what every topic is given.

A topic is an object: it registers what it can do and what it wants to hear of, and knows the screen
only through its `ChatContext`. Work that blocks is done in a thread and awaited where its result is
needed; an error of it, foreseen or not, is told there, and the screen goes on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.binding import Binding
from textual.message import Message

from vlmtui.commands import specs, verbs
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import (
    Choice,
    Choices,
    Confirm,
    Listing,
    Outcome,
    Said,
    Table,
)
from vlmtui.commands.picture_commands import NotOnThisMachine
from vlmtui.commands.specs import Spec
from vlmtui.commands.verbs import BUSY
from vlmtui.errors import VlmtuiError
from vlmtui.storage.records import Draft
from vlmtui.ui import background
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.stream import Stream

if TYPE_CHECKING:
    from textual.worker import Worker

    from vlmtui.chat.available_models import AvailableModels
    from vlmtui.chat.session import ChatSession
    from vlmtui.storage.records import StoredMessage
    from vlmtui.ui.screens.chat.chat_screen import ChatScreen
    from vlmtui.ui.screens.chat.turn import Turn
    from vlmtui.ui.widgets.composer.prompt_area import Prompt
    from vlmtui.ui.widgets.transcript.transcript import Transcript

T = TypeVar("T")
Handler = Callable[[Any], Awaitable[object] | object]


class ChatContext:
    """What the topics of a chat screen share.

    Attributes:
        screen: The screen.
        stream: Brings what turns, loads and switches tell.
        turn: The turn that goes on.
        asking: What becomes of a message that is sent, where it isn't just the next one.
        left: The screen is being left: nothing is shown any more.
        opened: Gets the conversation.
        forms: What the screen does for a command in a way of its own, by the command's name: a
            dialog, a pane. Gets the argument; what it doesn't take it gives to `do`.
        actions: What keys do, by the name that stands in their binding.
        shows: How an outcome is shown, by its type.
        hears: Who hears of a message of a widget, by its type; where that isn't imported before the
            first paint, by its `handler_name`.
        follows: Who hears of an event of a turn, a load or a switch, by its type. The state of the
            engine has it already.
        turn_began: Called when a turn has begun, before anything is prepared for it.
        turn_ended: Called when it is over, with whether it ended as it should: nothing failed, or
            it was stopped before.
        chat_shown: Called with the messages when another chat, or another branch, is on the screen.
        chat_changed: Called when another chat is open, or the title of this one has changed.
        chats_changed: Called when the list of chats is not what it was.
        stops: Asked when Esc is pressed, in this order, until one returns True: it had something to
            stop. The turn or the load is stopped after all of them.
        leaving: Called once, before the conversation is closed.
        draft_at_command: What was written when the last command was given, which knows of it.
        command_done: Called when a command was done, before what came of it is shown.
        sent: Called when a message has left the composer.
        set_aside: Texts that are neither in the composer nor in the chat; drafts have them, too.
        choices: What the argument of a command can be that is the screen's own affair.
        holds: Asked before a message is sent, until one returns True: it isn't sent now, but
            submitted again by who has said so.
        applies: Whether a key counts just now, by the name of its action.
        furnished: Called once, when the panes are mounted.
    """

    def __init__(self, screen: ChatScreen) -> None:
        self.screen = screen
        self.stream = Stream(self)
        self.turn: Turn | None = None
        self.asking: Callable[[CommandContext, str], Outcome] | None = None
        self.left = False
        self.opened: Future[ChatSession] = Future()
        self.forms: dict[str, Handler] = {}
        self.actions: dict[str, Callable[..., object]] = {}
        self.shows: dict[type[Outcome], Handler] = {
            Said: self._show_said,
            Listing: self._show_listing,
            Table: self._show_table,
            Choices: self._show_choices,
            Confirm: self._ask,
        }
        self.hears: defaultdict[type[Message] | str, list[Handler]] = defaultdict(list)
        self.follows: defaultdict[type[object], list[Handler]] = defaultdict(list)
        self.turn_began: list[Callable[[], object]] = []
        self.turn_ended: list[Callable[[bool], object]] = []
        self.chat_shown: list[Handler] = []
        self.chat_changed: list[Callable[[], object]] = []
        self.chats_changed: list[Callable[[], object]] = []
        self.stops: list[Callable[[], bool]] = []
        self.leaving: list[Callable[[], object]] = []
        self.draft_at_command = Draft()
        self.command_done: list[Callable[[], object]] = []
        self.sent: list[Callable[[], object]] = []
        self.set_aside: list[Callable[[], str]] = [self._unsaved]
        self.choices: dict[str, Callable[[], Sequence[Choice]]] = {}
        self.holds: list[Callable[[str], bool]] = []
        self.applies: dict[str, Callable[[], bool]] = {}
        self.furnished: list[Callable[[], object]] = []
        self._commands: CommandContext | None = None
        self._in_order = asyncio.Lock()
        self._available_models: AvailableModels | None = None

    @property
    def prompt(self) -> Prompt:
        """The lower part of the screen."""
        return self.screen.prompt

    @property
    def transcript(self) -> Transcript:
        """The upper part."""
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

    async def tell(self, listeners: Iterable[Handler], fact: object) -> None:
        """Let all who listen know of something, one after the other."""
        for listener in listeners:
            if isawaitable(done := listener(fact)):
                await done

    # ------------------------------------------------------------------ what is written, and shown

    @property
    def draft(self) -> Draft:
        """What was written and isn't in the chat."""
        texts = (*(text() for text in self.set_aside), self.prompt.text)
        return self.prompt.draft_of("\n\n".join(text for text in texts if text.strip()))

    def _unsaved(self) -> str:
        return self.turn.unsaved if self.turn is not None else ""

    async def show_thread(self, thread: Sequence[StoredMessage], *, stay: bool = False) -> None:
        """Show the messages of another chat, or of another branch of this one.

        Args:
            thread: The messages.
            stay: Leave what is being read in its place.
        """
        await self.transcript.show(thread, stay=stay)
        await self.tell(self.chat_shown, thread)

    # ------------------------------------------------------------------ work

    def session(self) -> ChatSession:
        """The conversation. Waits until it is open: for threads, and for what comes of it."""
        return self.opened.result()

    def available_models(self) -> AvailableModels:
        """What knows the models; imports and blocks."""
        if self._available_models is None:
            self._available_models = self.screen.open_available_models()
        return self._available_models

    async def on_session(self, work: Callable[[ChatSession], T]) -> T:
        """What `work` makes of the conversation, in a thread, once the conversation is open."""
        return await in_thread(lambda: work(self.session()))

    def start(
        self, work: Coroutine[Any, Any, object], group: str, *, exclusive: bool = True
    ) -> Worker[object]:
        """Have something done while the screen goes on; what goes wrong with it is told.

        Args:
            work: What is done.
            group: Work that it belongs to.
            exclusive: Give up what is going on in the group.
        """
        return background.start(self.screen, work, group, self.complain, exclusive=exclusive)

    def complain(self, error: VlmtuiError) -> None:
        """Say above the composer what went wrong."""
        if self.left:
            return
        hint, command = ". ".join(error.hint.splitlines()), ""
        if isinstance(error, NotOnThisMachine):
            command = error.command
            key = keymap.keys_of(self.screen.app, "chat.copy_command", "f8")
            hint = f"On yours run this ({key} copies it), then send again:"
        self.prompt.say(error.message, hint, error=True, command=command)

    # ------------------------------------------------------------------ commands

    def do(self, name: str, argument: str = "", typed: str = "") -> None:
        """Do a command in the background, and show what comes of it.

        Args:
            name: The command.
            argument: What stands behind it. A message that the cursor is on is meant where none is
                named.
            typed: The line, where one was typed: a question in it comes back if the command fails.
        """
        spec = specs.find(name)
        assert spec is not None
        cursor = self.transcript.cursor
        if spec.takes_message and cursor is not None and not argument.startswith("#"):
            argument = f"#{cursor} {argument}".rstrip()
        self.start(self._do(spec, argument, typed), "command", exclusive=False)

    async def _do(self, spec: Spec, argument: str, typed: str) -> None:
        try:
            await self.change(lambda context: verbs.do(spec, context, argument))
        except Exception:
            if argument and spec.composed and not self.left:
                self.prompt.put_before(typed)
            raise

    async def change(self, verb: Callable[[CommandContext], Outcome]) -> None:
        """Do something, and show what comes of it: when what was given before is shown."""
        async with self._in_order:
            outcome = await self._done(verb)
            if not isinstance(outcome, Confirm):  # nobody waits for whoever thinks it over
                await self.show(outcome)
                return
        await self._ask(outcome)

    async def done(self, verb: Callable[[CommandContext], T]) -> T:
        """What comes of a verb, in a thread, when what was given before is done and shown."""
        async with self._in_order:
            return await self._done(verb)

    async def _done(self, verb: Callable[[CommandContext], T]) -> T:
        draft, tokens = self.draft, self.prompt.composer.tokens.find
        self.draft_at_command = draft

        def do() -> T:
            context = self.command_context()
            context.draft, context.tokens = draft, tokens
            return verb(context)

        done = await in_thread(do)
        for told in self.command_done:
            told()
        return done

    def command_context(self) -> CommandContext:
        """What commands work on. Waits for the conversation: for threads."""
        if self._commands is None:
            screen = self.screen
            self._commands = CommandContext(
                self.session(), self.available_models(), screen.presets, screen.samples
            )
        return self._commands

    async def show(self, outcome: Outcome) -> None:
        """Show what came of a command."""
        shown = self.shows[type(outcome)](outcome)
        if isawaitable(shown):
            await shown

    def _show_said(self, said: Said) -> None:
        self.prompt.say(said.message, said.advice)

    async def _show_listing(self, listing: Listing) -> None:
        rows = await in_thread(lambda: list(listing.rows))
        if not rows:
            self.prompt.say(listing.nothing)
            return
        first, *others = rows
        await self.transcript.tell(
            first, listing.advice, "\n".join(others), error=False, asked=True
        )

    async def _show_table(self, table: Table) -> None:
        width = max((len(label) for label, _ in table.rows), default=0)
        rows = "\n".join(f"{label:<{width}}  {value}" for label, value in table.rows)
        await self.transcript.tell(table.heading, table.advice, rows, error=False, asked=True)

    async def _ask(self, confirm: Confirm) -> None:
        if confirm.hint:
            self.prompt.say(confirm.question, confirm.hint)
        if await self.prompt.ask(confirm.question):
            self.prompt.say()
            await self.change(confirm.then)
        else:
            await self.show(confirm.declined)

    def _show_choices(self, offered: Choices) -> None:
        from vlmtui.ui.screens.dialogs import chooser

        rows = [chooser.Choice(each.value, each.value, each.note) for each in offered.choices]

        def take(value: str | None) -> None:
            if value is not None:
                self.do(offered.command, value)

        self.screen.app.push_screen(chooser.CommandChooser(offered.question, rows), take)


class Topic:
    """Something that can be done on the chat screen."""

    BINDINGS: ClassVar[tuple[Binding, ...]] = ()
    """Their actions are `topic('<name>')`, with a name that the topic registers."""

    def __init__(self, chat: ChatContext) -> None:
        self.chat = chat
