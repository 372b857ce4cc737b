"""What is typed on the chat screen: a command is done, a message becomes a turn that is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, StorageWarning, UserSaved
from vlmtui.commands import parsing, specs
from vlmtui.commands.event_words import note_after, note_on
from vlmtui.commands.outcomes import Ask, Outcome
from vlmtui.engine.engine_events import Adjusted, Encoded, Notice
from vlmtui.errors import InputError
from vlmtui.ui.screens.chat.chat_facts import Sent, TurnEnded
from vlmtui.ui.screens.chat.stream import Thoughts, Words
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:
    from vlmtui.commands.context import CommandContext


class AskingTopic(Topic):
    """Questions, and their answers as they come."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.handlers[Prompt.Submitted].append(lambda event: self._submitted(event.text))
        chat.commands.shows[Ask] = self._begin
        chat.set_aside.append(lambda: "\n\n".join(chat.prompt.waiting.texts))
        chat.handlers[TurnEnded].append(self._go_on)
        for name in ("help", "keys", "quit"):
            chat.commands.forms[name] = partial(self._do_in_app, name)
        chat.handlers[UserSaved].append(self._question_saved)
        chat.handlers[AnswerStarted].append(self._answer_started)
        chat.handlers[Words].append(self._append)
        chat.handlers[Thoughts].append(self._thought)
        chat.handlers[AnswerSaved].append(self._answer_saved)
        chat.handlers[Adjusted].append(self._tell)
        chat.handlers[Encoded].append(self._tell)
        chat.handlers[Notice].append(self._tell)
        chat.handlers[StorageWarning].append(self._not_stored)

    async def _submitted(self, typed: str) -> None:
        chat = self.chat
        if (command := parsing.parse(typed)) is not None:
            await self._do(command.name, command.argument, typed)
        elif any(hold(typed) for hold in chat.holds):
            pass
        elif not typed.strip():
            chat.prompt.say("Type a question, or attach a picture with @path")
        elif chat.busy:
            chat.prompt.take(typed)
            chat.prompt.waiting.add(typed)
        else:
            # what is typed in the meantime stays
            Turn(chat).begin(self._read(typed, lambda: chat.prompt.take(typed)))
            return  # it isn't decided yet
        chat.prompt.composer.decided()

    def _go_on(self, turn: TurnEnded) -> None:
        """Send what has waited for the answer; where that failed, its writer decides."""
        prompt = self.chat.prompt
        if not turn.well:
            prompt.take_back()
        elif prompt.waiting.texts:
            Turn(self.chat).begin(
                self._read(prompt.waiting.texts[0], lambda: prompt.waiting.take(0))
            )

    # ------------------------------------------------------------------ commands

    async def _do(self, name: str, argument: str, typed: str) -> None:
        chat = self.chat
        try:
            spec = specs.wanted(name, "screen")
            spec.check(argument)
        except InputError as error:
            chat.complain(error)
            return
        if spec.idle and chat.must_wait():
            return
        if typed:
            chat.prompt.take(typed)
        commands = chat.commands
        done: object = None
        if (form := commands.forms.get(name)) is not None:
            done = form(argument)
        elif not argument and (dialog := commands.dialogs.get(name)) is not None:
            done = dialog()
        else:
            commands.do(name, argument, typed)
        if isawaitable(done):
            await done

    async def choose(self, name: str) -> None:
        """Do a command that was chosen from a list; the composer takes one that needs more."""
        prompt, spec = self.chat.prompt, specs.find(name)
        if spec is not None and spec.needed:
            if prompt.text:
                prompt.say("Ctrl+Z brings back what was here")
            prompt.text = f"/{spec.name} "
        else:
            await self._do(name, "", "")

    async def _do_in_app(self, name: str, argument: str) -> None:
        given = f"({argument!r})" if argument else ""
        await self.chat.screen.run_action(f"app.{name}{given}")

    # ------------------------------------------------------------------ messages

    def _begin(self, ask: Ask) -> None:
        self.chat.prompt.say()
        Turn(self.chat).begin(ask)

    async def _read(self, typed: str, taken: Callable[[], object]) -> Ask | None:
        """The turn of a message; None where something has to be asked before.

        The message stays where it is until it can be sent: `taken` takes it away from there.
        """

        def read(context: CommandContext) -> Outcome:
            from vlmtui.commands import message_commands

            return (self.chat.asking or message_commands.ask)(context, typed)

        try:
            outcome = await self.chat.commands.done(read)
            if isinstance(outcome, Ask):
                taken()
        finally:
            self.chat.prompt.composer.decided()
        if not isinstance(outcome, Ask):
            await self.chat.commands.show(outcome)
            self.chat.prompt.take_back()
            return None
        self.chat.emit_now(Sent())
        return outcome

    # ------------------------------------------------------------------ what the turn tells

    async def _question_saved(self, event: UserSaved) -> None:
        self.chat.screen.chat = self.chat.screen.asked = self.chat.session().chat
        await self.chat.transcript.ask(event.stored)

    async def _answer_started(self, event: AnswerStarted) -> None:
        if self.chat.turn is not None:
            self.chat.turn.answer = await self.chat.transcript.begin_answer(event.stored)

    def _append(self, words: Words) -> None:
        if self.chat.turn is not None and self.chat.turn.answer is not None:
            self.chat.turn.answer.append(words.text)

    def _thought(self, thoughts: Thoughts) -> None:
        if self.chat.turn is not None and self.chat.turn.answer is not None:
            self.chat.turn.answer.think(thoughts.text)

    async def _answer_saved(self, event: AnswerSaved) -> None:
        await self.chat.transcript.end_answer(event.stored)
        if (said := note_after(event.stored)) is not None:
            await self.chat.transcript.tell(said.message, said.advice, error=False)
        self.chat.transcript.price(event.stored.stats)

    async def _tell(self, event: Adjusted | Encoded | Notice) -> None:
        if (said := note_on(event)) is not None:
            await self.chat.transcript.tell(said.message, said.advice, error=False)

    async def _not_stored(self, event: StorageWarning) -> None:
        await self.chat.transcript.tell(event.message, event.hint, error=False)
