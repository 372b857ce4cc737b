"""Commands on the screen: done one after the other in the background, and shown there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from vlmtui.commands import specs, verbs
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Choice, Choices, Confirm, Listing, Outcome, Said, Table
from vlmtui.commands.spec import Spec
from vlmtui.storage.records import Draft
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import CommandDone

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat.topic import ChatContext

T = TypeVar("T")
Handler = Callable[[Any], Awaitable[object] | object]


class ScreenCommands:
    """Does what a command says, and has its outcome shown.

    Attributes:
        forms: What the screen does for a command in a way of its own, by the command's name. Gets
            the argument.
        dialogs: What it does where a command is given no argument.
        shows: How an outcome is shown, by its type.
        choices: What the argument of a command can be that is the screen's own affair.
        draft: What was written when the last command was given, which knows of it.
    """

    def __init__(self, chat: ChatContext) -> None:
        self._chat = chat
        self.forms: dict[str, Handler] = {}
        self.dialogs: dict[str, Callable[[], object]] = {}
        self.shows: dict[type[Outcome], Handler] = {
            Said: self._show_said,
            Listing: self._show_listing,
            Table: self._show_table,
            Choices: self._show_choices,
            Confirm: self._ask,
        }
        self.choices: dict[str, Callable[[], Sequence[Choice]]] = {}
        self.draft = Draft()
        self._context: CommandContext | None = None
        self._in_order = asyncio.Lock()

    def do(self, name: str, argument: str = "", typed: str = "") -> None:
        """Do a command in the background, and show what comes of it.

        Args:
            name: The command.
            argument: What stands behind it. A message that the cursor is on is meant where none is
                named.
            typed: The line, where one was typed: it comes back if the command fails, a
                short one only where nothing else has been begun.
        """
        spec = specs.find(name)
        assert spec is not None
        cursor = self._chat.transcript.cursor
        if spec.takes_message and cursor is not None and not argument.startswith("#"):
            argument = f"#{cursor} {argument}".rstrip()
        self._chat.start(self._do(spec, argument, typed), "command", exclusive=False)

    async def _do(self, spec: Spec, argument: str, typed: str) -> None:
        try:
            await self.change(lambda context: verbs.do(spec, context, argument))
        except Exception:
            prompt = self._chat.prompt
            if argument and (spec.composed or not prompt.text) and not self._chat.left:
                prompt.put_before(typed)
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
        draft, tokens = self._chat.draft, self._chat.prompt.composer.tokens.find
        self.draft = draft

        def do() -> T:
            context = self.context()
            context.draft, context.tokens = draft, tokens
            return verb(context)

        done = await in_thread(do)
        self._chat.emit_now(CommandDone())
        return done

    def context(self) -> CommandContext:
        """What commands work on. Waits for the conversation: for threads."""
        if self._context is None:
            screen = self._chat.screen
            self._context = CommandContext(
                self._chat.session(), self._chat.available_models(), screen.presets, screen.samples
            )
        return self._context

    async def show(self, outcome: Outcome) -> None:
        shown = self.shows[type(outcome)](outcome)
        if isawaitable(shown):
            await shown

    def _show_said(self, said: Said) -> None:
        self._chat.prompt.say(said.message, said.advice)

    async def _show_listing(self, listing: Listing) -> None:
        rows = await in_thread(lambda: list(listing.rows))
        if not rows:
            self._chat.prompt.say(listing.nothing)
            return
        first, *others = rows
        await self._chat.transcript.tell(
            first, listing.advice, "\n".join(others), error=False, asked=True
        )

    async def _show_table(self, table: Table) -> None:
        width = max((len(label) for label, _ in table.rows), default=0)
        rows = "\n".join(f"{label:<{width}}  {value}" for label, value in table.rows)
        await self._chat.transcript.tell(table.heading, table.advice, rows, error=False, asked=True)

    async def _ask(self, confirm: Confirm) -> None:
        if confirm.hint:
            self._chat.prompt.say(confirm.question, confirm.hint)
        if await self._chat.prompt.ask(confirm.question):
            self._chat.prompt.say()
            await self.change(confirm.then)
        else:
            await self.show(confirm.declined)

    def _show_choices(self, offered: Choices) -> None:
        from vlmtui.ui.screens.dialogs import chooser

        rows = [chooser.Choice(each.value, each.value, each.note) for each in offered.choices]

        def take(value: str | None) -> None:
            if value is not None:
                self.do(offered.command, value)

        self._chat.screen.app.push_screen(chooser.CommandChooser(offered.question, rows), take)
