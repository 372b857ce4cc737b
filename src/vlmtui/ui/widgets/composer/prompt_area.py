"""The lower part of the chat: completions, a hint, and the composer.

Decides what a key means there. What it can't decide by itself (is this file a picture, may a
message be sent now, what was asked before) it posts, and it takes the answer as calls: `insert`,
`say`, `offer`, `text`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import TextArea

from vlmtui import units
from vlmtui.commands import outcomes, parsing, specs
from vlmtui.compose import completion
from vlmtui.compose.completion import Candidate, Fragment, Kind
from vlmtui.compose.mentions import Token
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.messages import Message as Said
from vlmtui.storage.records import Draft
from vlmtui.ui import background
from vlmtui.ui.keys import keymap
from vlmtui.ui.widgets.composer.completions import Completions
from vlmtui.ui.widgets.composer.composer import BLIND, MOST_PASTED, SEEING, Composer
from vlmtui.ui.widgets.composer.hint import Hint
from vlmtui.ui.widgets.composer.waiting import Waiting


class Prompt(Vertical):
    """Where the next message is made."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        margin: 0 1;
    }
    """

    class Submitted(Message):
        """The user wants this sent, or done if it is a command."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PathChosen(Message):
        """A path was completed to a file; it stands in the text as it is written."""

        def __init__(self, path: str, written: str) -> None:
            super().__init__()
            self.path = path
            self.written = written

    class PartChosen(Message):
        """A part of a picture is to be attached: `x,y,width,height`."""

        def __init__(self, image: ImagePart, part: str) -> None:
            super().__init__()
            self.image = image
            self.part = part

    class RecallWanted(Message):
        """An earlier message is wanted (-1), or a later one; `first` when none is here yet."""

        def __init__(self, step: int, first: bool) -> None:
            super().__init__()
            self.step = step
            self.first = first

    class Pasted(Message):
        """Something was pasted, and stands in the composer."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Edited(Message):
        """The text has changed, and with it maybe the pictures in it."""

    class ChoicesWanted(Message):
        """What the argument of a command can be is to be `offer`ed."""

        def __init__(self, fragment: Fragment, tab: bool) -> None:
            super().__init__()
            self.fragment = fragment
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self._completions = Completions()
        self._hint = Hint()
        self._waiting = Waiting()
        self._composer = Composer()
        self._put: str | None = None
        self._offered_for: Fragment | None = None

    def compose(self) -> ComposeResult:
        """The composer; the rest is hidden at first, and can wait until the first paint is over."""
        yield self._composer
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        await self.mount(self._completions, self._hint, self._waiting, before=self._composer)

    # ------------------------------------------------------------------ for the screen

    @property
    def text(self) -> str:
        """What is in the composer, with tokens for pictures and long texts."""
        return self._composer.text

    @text.setter
    def text(self, text: str) -> None:
        self._put = self._composer.put(text)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The pictures in the composer."""
        return self._composer.tokens.images(self.text)

    @property
    def draft(self) -> Draft:
        """What is in the composer, as it is kept on disk."""
        return self.draft_of(self.text)

    @draft.setter
    def draft(self, draft: Draft) -> None:
        self.text = self._composer.tokens.adopt(draft.text, draft.images)

    def draft_of(self, text: str) -> Draft:
        """A text that is or was in the composer, as it is kept on disk."""
        tokens = self._composer.tokens
        return Draft(tokens.unfold(text), tokens.images(text))

    def tokens(self, text: str) -> list[Token]:
        """The tokens in a text that was in the composer."""
        return self._composer.tokens.find(text)

    def show_reading(self, fraction: float | None) -> None:
        """Show how much of the pictures and long texts is read ahead; None shows nothing."""
        self._composer.reading = fraction

    def show_cost(self, cost: str) -> None:
        """Show what the pictures in the composer will take; empty shows nothing."""
        self._composer.cost = cost

    def write_again(self, message: Said) -> None:
        """Have a message of the user in the composer, its pictures where they were."""
        self.text = self._composer.tokens.of_message(message)

    def recall(self, text: str | Said) -> None:
        """Have an earlier message here: Up and Down go on from it while nobody changes it."""
        if isinstance(text, str):
            self.text = text
        else:
            self.write_again(text)
        self._composer.recalled = self.text

    def focus_composer(self, typed: str = "") -> None:
        """Go on typing, with a character that was typed elsewhere."""
        composer = self._composer
        composer.focus()
        if typed:
            composer.insert(typed)

    def decided(self) -> None:
        """What was submitted is taken, or stays in the composer: keys behind it count again."""
        self._composer.decided()

    def take(self, text: str) -> None:
        """Take what was submitted out of the composer; what was typed since stays."""
        lead = self.text[: self._composer.tokens.lead(self.text)]
        if lead and not text.startswith(lead) and self.text.startswith(lead + text):
            self.text = lead + self.text[len(lead) + len(text) :]
        else:
            self.text = self.text.removeprefix(text)
        self.decided()

    @property
    def waiting(self) -> list[str]:
        """What waits for the end of an answer, the next one first."""
        return self._waiting.texts

    def have_wait(self, text: str) -> None:
        """Take what was submitted out of the composer, until the answer that comes is there."""
        self.take(text)
        self._waiting.add(text)

    def done_waiting(self) -> None:
        """The first of those that wait is on its way."""
        self._waiting.take(0)

    def take_back(self) -> None:
        """Put all that waits in front of what stands in the composer."""
        while self.waiting:
            self.put_before(self._waiting.take(-1))

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
        tokens = " ".join(map(self._composer.tokens.of_image, images))
        if not tokens:
            return
        if not instead or not self._composer.put_instead(instead, tokens):
            self._composer.put_at_cursor(tokens)
        self._put = self.text

    def invite(self, *, pictures: bool) -> None:
        """Say in an empty composer what can be asked."""
        self._composer.placeholder = SEEING if pictures else BLIND

    def say(
        self, message: str = "", advice: str = "", *, error: bool = False, command: str = ""
    ) -> None:
        """Tell something in place; nothing takes it away. A command is one to run elsewhere."""
        self._hint.say(message, advice, error=error, command=command)

    async def ask(self, question: str) -> bool:
        """Ask something that is answered with yes or no; to be awaited in a worker."""
        from vlmtui.ui.widgets.composer.confirm import Confirm

        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        confirm = Confirm(question, answer.set_result)
        await self.mount(confirm, before=self._composer)
        confirm.focus()
        yes = await answer
        self.focus_composer()
        return yes

    @property
    def command(self) -> str:
        """The command to run elsewhere that the hint names; empty if it names none."""
        return self._hint.command

    def offer(self, fragment: Fragment, choices: Sequence[outcomes.Choice], tab: bool) -> None:
        """Offer what an argument can be."""
        typed = fragment.path.lower()
        fitting = [choice for choice in choices if choice.value.lower().startswith(typed)]
        rows = [Candidate(choice.value, choice.value, note=choice.note) for choice in fitting]
        self._completed(fragment, rows, tab)

    def close_list(self) -> bool:
        """Close the list of completions; False when there was none."""
        was_open = bool(self._completions.candidates)
        self._completions.offer(())
        self._composer.choosing = False
        return was_open

    # ------------------------------------------------------------------ typing

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())
        put, self._put = self._put, None
        if put == self.text:
            self.close_list()  # nobody typed it: nothing to complete, and the hint still holds
            return
        self.say()
        fragment = self._fragment()
        if fragment is None or (fragment.kind is Kind.PATH and not fragment.path):
            self.close_list()
        else:
            self._look_up(fragment, tab=False)

    @on(Composer.Submitted)
    def _enter(self, event: Composer.Submitted) -> None:
        event.stop()
        chosen, fragment = self._completions.chosen, self._fragment()
        # a list that hasn't caught up with what was typed since is nobody's choice
        if chosen is not None and fragment is not None and fragment == self._offered_for:
            self._take(chosen, fragment)
            if not (fragment.kind is Kind.COMMAND and not chosen.path.endswith(" ")):
                self.decided()
                return  # a command that takes no argument is done at once
        self.close_list()
        text = self.text
        behind = text[self._composer.tokens.lead(text) :]
        self.post_message(self.Submitted(behind if parsing.parse(behind) else text))

    @on(Composer.RecallWanted)
    def _recall(self, event: Composer.RecallWanted) -> None:
        event.stop()
        if event.step < 0 and self.waiting and not self.text.strip():
            self.text = self._waiting.take(-1)
            return
        first = self._composer.recalled != self.text
        self.post_message(self.RecallWanted(event.step, first))

    @on(Waiting.TakenBack)
    def _taken_back(self, event: Waiting.TakenBack) -> None:
        event.stop()
        self.put_before(self._waiting.take(event.number))
        self.focus_composer()

    @on(Composer.Pasted)
    def _pasted(self, event: Composer.Pasted) -> None:
        event.stop()
        self._put = self.text  # nothing in it is to be completed
        self.post_message(self.Pasted(event.text))

    @on(Composer.PasteRefused)
    def _paste_refused(self, event: Composer.PasteRefused) -> None:
        event.stop()
        self.say(
            f"That is more text than a model can read: over {units.size(MOST_PASTED)}",
            "Paste the part that matters",
            error=True,
        )

    # ------------------------------------------------------------------ completing

    @on(Composer.CompletionWanted)
    def _tab(self, event: Composer.CompletionWanted) -> None:
        event.stop()
        fragment = self._fragment()
        if fragment is not None:
            self._look_up(fragment, tab=True)
        else:
            key = keymap.keys_of(self.app, "panes.next", "f6")
            self.say("There is nothing to complete here", f"{key} goes to the next pane")

    @on(Composer.Choosing)
    def _choose(self, event: Composer.Choosing) -> None:
        event.stop()
        self._completions.step(event.step)

    @on(Completions.Chosen)
    def _clicked(self, event: Completions.Chosen) -> None:
        event.stop()
        fragment = self._fragment()
        if fragment is not None:
            self._take(event.candidate, fragment)
        self.focus_composer()

    def _look_up(self, fragment: Fragment, tab: bool) -> None:
        if fragment.kind is Kind.COMMAND:
            found = [_command(spec) for spec in specs.beginning_with(fragment.path)]
            self._completed(fragment, found, tab)
        elif fragment.kind is not Kind.ARGUMENT:
            background.start(
                self, self._look_for_paths(fragment, tab), "completion", self._complain
            )
        elif (spec := specs.find(fragment.command)) is not None and spec.choices:
            self.post_message(self.ChoicesWanted(fragment, tab))
        else:
            self.close_list()

    async def _look_for_paths(self, fragment: Fragment, tab: bool) -> None:
        found = await background.in_thread(lambda: completion.candidates(fragment.path))
        self._completed(fragment, found, tab)

    def _complain(self, error: VlmtuiError) -> None:
        self.say(error.message, error.hint, error=True)

    def _completed(self, fragment: Fragment, candidates: Sequence[Candidate], tab: bool) -> None:
        completions = self._completions
        if fragment != self._fragment():
            return  # typed on since
        if tab and completions.chosen is not None and fragment.kind is not Kind.COMMAND:
            completions.step(1)
            return
        if tab and self._extend(fragment, candidates):
            return
        completions.offer(candidates)
        self._offered_for = fragment
        self._composer.choosing = bool(candidates)
        whole = any(each.path.strip() == fragment.path for each in candidates)
        # what is half written names nothing: Enter takes the first that it could become
        half = bool(fragment.path.rpartition("/")[2]) and not whole
        if candidates and (tab or (half and fragment.kind in (Kind.COMMAND, Kind.MENTION))):
            completions.step(1)
        elif tab:
            self._nothing_begins_with(fragment)

    def _nothing_begins_with(self, fragment: Fragment) -> None:
        kinds = {Kind.COMMAND: "command", Kind.ARGUMENT: "choice"}
        self.say(f'No {kinds.get(fragment.kind, "picture")} begins with "{fragment.path}"')

    def _extend(self, fragment: Fragment, candidates: Sequence[Candidate]) -> bool:
        """Complete as far as it is clear; False when that is nowhere."""
        chosen = self._completions.chosen
        if fragment.kind is Kind.COMMAND and chosen is not None and chosen in candidates:
            self._take(chosen, fragment)
            return True
        if len(candidates) == 1:
            self._take(candidates[0], fragment)
            return True
        longer = completion.common(fragment.path, list(candidates))
        if longer == fragment.path:
            return False
        self._write(fragment, longer, whole=False)
        return True

    def _take(self, candidate: Candidate, fragment: Fragment) -> None:
        whole = not candidate.directory
        written = self._write(fragment, candidate.path, whole=whole)
        self.close_list()
        if not whole:
            return
        self._put = self.text  # complete: nothing more to look up
        if fragment.kind is Kind.MENTION:
            self.post_message(self.PathChosen(candidate.path, "@" + written))
        elif fragment.kind is Kind.PATH:
            self._composer.insert(" ")

    def _write(self, fragment: Fragment, path: str, *, whole: bool) -> str:
        written = path
        if fragment.kind in (Kind.MENTION, Kind.PATH):
            written = completion.spell(path, fragment.quote, whole=whole)
        self._composer.put_between(fragment.start, fragment.end, written)
        return written

    def _fragment(self) -> Fragment | None:
        composer = self._composer
        text = composer.text
        return completion.fragment(text, composer.cursor_index, composer.tokens.lead(text))


def _command(spec: specs.Spec) -> Candidate:
    return Candidate(
        f"/{spec.name}" + (" " if spec.arguments and not spec.alone else ""),
        spec.brief,
        note=spec.summary,
    )
