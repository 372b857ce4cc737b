"""The lower part of the chat: completions, a hint, and the composer.

Decides what a key means there. What it can't decide by itself (is this file a picture, may a
message be sent now, what was asked before) it posts, and it takes the answer as calls: `insert`,
`say`, `offer`, `text`.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import var
from textual.widgets import TextArea

from vlmtui import units
from vlmtui.commands import parsing
from vlmtui.messages import ImagePart
from vlmtui.messages import Message as Said
from vlmtui.stats.engine_state import EngineState
from vlmtui.storage.records import Draft
from vlmtui.ui.keys import keymap
from vlmtui.ui.widgets.composer.composer import BLIND, MOST_PASTED, SEEING, Composer
from vlmtui.ui.widgets.composer.hint import Hint
from vlmtui.ui.widgets.composer.prompt_completion import PromptCompletion
from vlmtui.ui.widgets.composer.waiting import Waiting


class Prompt(Vertical):
    """Where the next message is made."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        margin: 0 1;
    }
    """

    engine_state: var[EngineState] = var(EngineState())
    """What the engine is doing; the keys at the composer's foot follow it."""

    class Submitted(Message):
        """The user wants this sent, or done if it is a command."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Edited(Message):
        """The text has changed, and with it maybe the pictures in it."""

    def __init__(self) -> None:
        super().__init__()
        self.composer = Composer()
        self.hint = Hint()
        self.waiting = Waiting(self._take_back)
        self.completion = PromptCompletion(self, self.composer, self.say)

    def watch_engine_state(self, engine_state: EngineState) -> None:
        self.composer.phase = engine_state.phase

    def compose(self) -> ComposeResult:
        """The composer; the rest is hidden at first, and can wait until the first paint is over."""
        yield self.composer
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        await self.mount(self.completion.list, self.hint, self.waiting, before=self.composer)

    @property
    def text(self) -> str:
        """What is in the composer, with tokens for pictures and long texts."""
        return self.composer.text

    @text.setter
    def text(self, text: str) -> None:
        self.composer.put(text)
        self.completion.leave()

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return self.composer.tokens.images(self.text)

    @property
    def draft(self) -> Draft:
        """What is in the composer, as it is kept on disk."""
        return self.draft_of(self.text)

    @draft.setter
    def draft(self, draft: Draft) -> None:
        self.text = self.composer.tokens.adopt(draft.text, draft.images)

    def draft_of(self, text: str) -> Draft:
        """A text that is or was in the composer, as it is kept on disk."""
        tokens = self.composer.tokens
        return Draft(tokens.unfold(text), tokens.images(text))

    def write_again(self, message: Said) -> None:
        """Have a message of the user in the composer, its pictures where they were."""
        self.text = self.composer.tokens.of_message(message)

    def recall(self, text: str | Said) -> None:
        """Have an earlier message here: Up and Down go on from it while nobody changes it."""
        if isinstance(text, str):
            self.text = text
        else:
            self.write_again(text)
        self.composer.recalled = self.text

    def focus_composer(self, typed: str = "") -> None:
        """Go on typing, with a character that was typed elsewhere."""
        composer = self.composer
        composer.focus()
        if typed:
            composer.insert(typed)

    def take(self, text: str) -> None:
        """Take what was submitted out of the composer; what was typed since stays."""
        lead = self.text[: self.composer.tokens.lead(self.text)]
        if lead and not text.startswith(lead) and self.text.startswith(lead + text):
            self.text = lead + self.text[len(lead) + len(text) :]
        else:
            self.text = self.text.removeprefix(text)
        self.composer.decided()

    def take_back(self) -> None:
        """Put all that waits in front of what stands in the composer."""
        while self.waiting.texts:
            self.put_before(self.waiting.take(-1))

    def put_behind(self, text: str) -> None:
        """Put a text behind what stands in the composer, unless that ends with it already."""
        now = self.text
        if not now.endswith(text):
            self.text = "\n\n".join(each for each in (now, text) if each.strip())

    def put_before(self, text: str) -> None:
        """Put a text in front of what stands in the composer, unless it stands there already."""
        now = self.text
        if not now.startswith(text):
            self.text = "\n\n".join(each for each in (text, now) if each.strip())

    def insert(self, images: Sequence[ImagePart], instead: str = "") -> None:
        """Put pictures where the cursor is, or in the place of what is written."""
        tokens = " ".join(map(self.composer.tokens.of_image, images))
        if not tokens:
            return
        if not instead or not self.composer.put_instead(instead, tokens):
            self.composer.put_at_cursor(tokens)
        self.completion.leave()

    def invite(self, *, pictures: bool) -> None:
        """Say in an empty composer what can be asked."""
        self.composer.placeholder = SEEING if pictures else BLIND

    def say(
        self, message: str = "", advice: str = "", *, error: bool = False, command: str = ""
    ) -> None:
        """Tell something in place; nothing takes it away. A command is one to run elsewhere."""
        self.hint.say(message, advice, error=error, command=command)

    async def ask(self, question: str) -> bool:
        """Ask something that is answered with yes or no; to be awaited in a worker."""
        from vlmtui.ui.widgets.composer.confirm import Confirm

        confirm = Confirm(question)
        await self.mount(confirm, before=self.composer)
        confirm.focus()
        yes = await confirm.answer
        self.focus_composer()
        return yes

    @on(Composer.CompletionWanted)
    def _tab(self, event: Composer.CompletionWanted) -> None:
        event.stop()
        if not self.completion.tab():
            key = keymap.keys_of(self.app, "panes.next", "f6")
            self.say("There is nothing to complete here", f"{key} goes to the next pane")

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())
        if self.completion.is_left():
            # nobody typed it: nothing to complete, and the hint still holds
            self.completion.close()
            return
        self.say()
        self.completion.follow()

    @on(Composer.Submitted)
    def _enter(self, event: Composer.Submitted) -> None:
        event.stop()
        if self.completion.enter():
            self.composer.decided()
            return
        self.completion.close()
        self.say()  # what was said before isn't about this one
        text = self.text
        behind = text[self.composer.tokens.lead(text) :]
        self.post_message(self.Submitted(behind if parsing.parse(behind) else text))

    @on(Composer.RecallWanted)
    def _recall(self, event: Composer.RecallWanted) -> None:
        """Bring back what waits; the screen hears of it where nothing does."""
        if event.step < 0 and self.waiting.texts and not self.text.strip():
            event.stop()
            self.text = self.waiting.take(-1)

    def _take_back(self, number: int) -> None:
        self.put_before(self.waiting.take(number))
        self.focus_composer()

    @on(Composer.Pasted)
    def _pasted(self) -> None:
        """Complete nothing of it; what it means is for the screen, which hears of it, too."""
        self.completion.leave()

    @on(Composer.PasteRefused)
    def _paste_refused(self, event: Composer.PasteRefused) -> None:
        event.stop()
        self.say(
            f"That is more text than a model can read: over {units.size(MOST_PASTED)}",
            "Paste the part that matters",
            error=True,
        )
