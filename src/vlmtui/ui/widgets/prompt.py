"""The lower part of the chat: attached pictures, completions, a hint, and the composer.

Decides what a key means there. What it can't decide by itself (is this file a picture, may a
message be sent now) it posts, and it takes the answer as `images`, `say` and `text`.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import TextArea

from vlmtui.messages import ImagePart
from vlmtui.ui import commands, completion
from vlmtui.ui.completion import Candidate, Fragment
from vlmtui.ui.widgets.attachments import Attachments, Chip
from vlmtui.ui.widgets.completions import Completions
from vlmtui.ui.widgets.composer import Composer
from vlmtui.ui.widgets.hint import Hint


class Prompt(Vertical):
    """Where the next message is made."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        margin: 0 1;
    }
    """

    images: reactive[tuple[ImagePart, ...]] = reactive[tuple[ImagePart, ...]](())

    class Submitted(Message):
        """The user wants this sent, or done if it is a command."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PathChosen(Message):
        """A path was completed to a file; it stands in the text between two indices."""

        def __init__(self, path: str, start: int, end: int) -> None:
            super().__init__()
            self.path = path
            self.start = start
            self.end = end

    class ImageRemoved(Message):
        """An attached picture is not wanted any more."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Edited(Message):
        """The text has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Completed(Message):
        """Candidates for what is being typed."""

        def __init__(self, fragment: Fragment, candidates: Sequence[Candidate], tab: bool) -> None:
            super().__init__()
            self.fragment = fragment
            self.candidates = candidates
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self._completions = Completions()
        self._hint = Hint()
        self._composer = Composer()
        self._put: str | None = None

    def compose(self) -> ComposeResult:
        """The composer; the rest is hidden at first, and can wait until the first paint is over."""
        yield self._composer
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        attachments = Attachments().data_bind(Prompt.images)
        await self.mount(attachments, self._completions, self._hint, before=self._composer)

    # ------------------------------------------------------------------ for the screen

    @property
    def text(self) -> str:
        """What is in the composer."""
        return self._composer.text

    @text.setter
    def text(self, text: str) -> None:
        self._put = self._composer.put(text)

    def focus_composer(self, typed: str = "") -> None:
        """Go on typing, with a character that was typed elsewhere."""
        composer = self._composer
        composer.focus()
        if typed:
            composer.insert(typed)

    def take(self, text: str) -> None:
        """Take what was submitted out of the composer; what was typed since stays."""
        self.text = self.text.removeprefix(text)

    def cut(self, start: int, end: int) -> None:
        """Take a part out of the text, given by indices, and the space before it."""
        if self.text[start - 1 : start] == " " and not self.text[end:].strip():
            start -= 1
        self._composer.put_between(start, end, "")

    def say(self, message: str = "", advice: str = "", *, error: bool = False) -> None:
        """Tell something in place; nothing takes it away."""
        self._hint.say(message, advice, error=error)

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
        self.post_message(self.Edited(self.text))
        put, self._put = self._put, None
        if put == self.text:
            self.close_list()  # nobody typed it: nothing to complete, and the hint still holds
            return
        self.say()
        fragment = self._fragment()
        if fragment is None or (not fragment.path and not self._after_at(fragment)):
            self.close_list()
        else:
            self._look_up(fragment, tab=False)

    @on(Composer.Submitted)
    def _enter(self, event: Composer.Submitted) -> None:
        event.stop()
        chosen = self._completions.chosen
        fragment = self._fragment()
        if chosen is not None and fragment is not None:
            self._take(chosen, fragment)
            return
        self.close_list()
        self.post_message(self.Submitted(event.text))

    @on(Composer.BackspacedAtStart)
    def _backspace(self, event: Composer.BackspacedAtStart) -> None:
        event.stop()
        if self.images:
            self.post_message(self.ImageRemoved(len(self.images) - 1))

    @on(Chip.Removed)
    def _chip_removed(self, event: Chip.Removed) -> None:
        event.stop()
        self.focus_composer()
        self.post_message(self.ImageRemoved(event.index))

    # ------------------------------------------------------------------ completing

    @on(Composer.CompletionWanted)
    def _tab(self, event: Composer.CompletionWanted) -> None:
        event.stop()
        composer = self._composer
        command = commands.complete(composer.text)
        fragment = self._fragment()
        if command is not None:
            composer.put(command)
        elif fragment is not None:
            self._look_up(fragment, tab=True)
        else:
            self.screen.focus_next()

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

    @work(thread=True, exclusive=True, group="completion", exit_on_error=False)
    def _look_up(self, fragment: Fragment, tab: bool) -> None:
        self.post_message(self.Completed(fragment, completion.candidates(fragment.path), tab))

    @on(Completed)
    def _completed(self, event: Completed) -> None:
        event.stop()
        if event.fragment != self._fragment():
            return  # typed on since
        completions = self._completions
        if event.tab and completions.chosen is not None:
            completions.step(1)
            return
        if event.tab and self._extend(event.fragment, event.candidates):
            return
        completions.offer(event.candidates)
        self._composer.choosing = bool(event.candidates)
        if event.tab and event.candidates:
            completions.step(1)
        elif event.tab:
            self.say(f'No picture begins with "{event.fragment.path}"')

    def _extend(self, fragment: Fragment, candidates: Sequence[Candidate]) -> bool:
        """Complete as far as it is clear; False when that is nowhere."""
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
        end = self._write(fragment, candidate.path, whole=whole)
        self.close_list()
        if not whole:
            return
        if self._after_at(fragment):
            self.post_message(self.PathChosen(candidate.path, fragment.start - 1, end))
        else:
            self._composer.insert(" ")

    def _after_at(self, fragment: Fragment) -> bool:
        return self.text[fragment.start - 1 : fragment.start] == "@"

    def _write(self, fragment: Fragment, path: str, *, whole: bool) -> int:
        written = completion.spell(path, fragment.quote, whole=whole)
        self._composer.put_between(fragment.start, fragment.end, written)
        return fragment.start + len(written)

    def _fragment(self) -> Fragment | None:
        composer = self._composer
        return completion.fragment(composer.text, composer.cursor_index)
