"""Completing what is written at the cursor: a command, its argument, the path of a picture.

What an argument can be, and what becomes of a path that was completed, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.message import Message
from textual.widget import Widget

from vlmtui.commands import outcomes, specs
from vlmtui.commands.spec import Spec
from vlmtui.compose import completion
from vlmtui.compose.completion import Candidate, Fragment, Kind
from vlmtui.errors import VlmtuiError
from vlmtui.ui import background
from vlmtui.ui.widgets.composer.completions import Completions
from vlmtui.ui.widgets.composer.composer import Composer


class PathChosen(Message):
    """A path was completed to a file; it stands in the text as it is written."""

    def __init__(self, path: str, written: str) -> None:
        super().__init__()
        self.path = path
        self.written = written


class PromptCompletion:
    """Has the composer's text completed from a list above it.

    Attributes:
        list: The list; whoever makes this mounts it.
        choices: What the argument of a command can be; blocks. Whoever knows that sets it.
    """

    def __init__(self, prompt: Widget, composer: Composer, say: Callable[..., None]) -> None:
        """Begin with nothing to complete.

        Args:
            prompt: Posts what is to be decided elsewhere; work ends with it.
            composer: What is written.
            say: Tells something above it, see `Hint.say`.
        """
        self.list = Completions(self._clicked)
        self._prompt = prompt
        self._composer = composer
        self._say = say
        self._left: str | None = None
        """A text that nobody typed, or that is complete."""

        self._offered_for: Fragment | None = None
        self.choices: Callable[[str], Sequence[outcomes.Choice]] = lambda _: ()

    def leave(self) -> None:
        """Have nothing in the text completed as it is now: nobody typed it."""
        self._left = self._composer.text

    def is_left(self) -> bool:
        """Whether the text, which has changed, was to be left alone; true once."""
        left, self._left = self._left, None
        return left == self._composer.text

    def follow(self) -> None:
        """Offer what could become of what was typed."""
        fragment = self._fragment()
        if fragment is None or (fragment.kind is Kind.PATH and not fragment.path):
            self.close()
        else:
            self._look_up(fragment, tab=False)

    def tab(self) -> bool:
        """Complete as far as it is clear; False where there is nothing to complete."""
        fragment = self._fragment()
        if fragment is not None:
            self._look_up(fragment, tab=True)
        return fragment is not None

    def _half_written(self, fragment: Fragment | None) -> Candidate | None:
        """What a half-written `@path`, which names nothing yet, could become first."""
        offered = self.list.candidates
        if fragment is None or fragment.kind is not Kind.MENTION or not offered:
            return None
        whole = any(each.path == fragment.path for each in offered)
        return None if whole or not fragment.path.rpartition("/")[2] else offered[0]

    def enter(self) -> bool:
        """Take what is chosen; False where the message is to be sent, or a command to be done."""
        fragment = self._fragment()
        chosen = self.list.chosen or self._half_written(fragment)
        # a list that hasn't caught up with what was typed since is nobody's choice
        if chosen is None or fragment is None or fragment != self._offered_for:
            return False
        self._take(chosen, fragment)
        # a command that takes no argument is done at once
        return fragment.kind is not Kind.COMMAND or chosen.path.endswith(" ")

    def _clicked(self, candidate: Candidate) -> None:
        if (fragment := self._fragment()) is not None:
            self._take(candidate, fragment)
        self._composer.focus()

    def close(self) -> bool:
        """Close the list; False when there was none."""
        was_open = bool(self.list.candidates)
        self.list.offer(())
        self._composer.choose = None
        return was_open

    def _look_up(self, fragment: Fragment, tab: bool) -> None:
        if fragment.kind is Kind.COMMAND:
            found = [_command(spec) for spec in specs.beginning_with(fragment.path)]
            self._completed(fragment, found, tab)
        elif fragment.kind is not Kind.ARGUMENT:
            background.start(self._prompt, self._look(fragment, tab), "completion", self._complain)
        elif (spec := specs.find(fragment.command)) is not None and spec.choices:
            background.start(  # the command itself tells what is wrong, when it is given
                self._prompt, self._look(fragment, tab), "completion", lambda _: None
            )
        else:
            self.close()

    async def _look(self, fragment: Fragment, tab: bool) -> None:
        found = await background.in_thread(lambda: self._found(fragment))
        self._completed(fragment, found, tab)

    def _found(self, fragment: Fragment) -> Sequence[Candidate]:
        if fragment.kind is not Kind.ARGUMENT:
            return completion.candidates(fragment.path)
        choices, typed = self.choices(fragment.command), fragment.path.lower()
        fitting = [choice for choice in choices if choice.value.lower().startswith(typed)]
        return [Candidate(choice.value, choice.value, note=choice.note) for choice in fitting]

    def _complain(self, error: VlmtuiError) -> None:
        self._say(error.message, error.hint, error=True)

    def _completed(self, fragment: Fragment, candidates: Sequence[Candidate], tab: bool) -> None:
        completions = self.list
        if fragment != self._fragment():
            return  # typed on since
        if tab and completions.chosen is not None and fragment.kind is not Kind.COMMAND:
            completions.step(1)
            return
        if tab and self._extend(fragment, candidates):
            return
        completions.offer(candidates)
        self._offered_for = fragment
        self._composer.choose = completions.step if candidates else None
        whole = any(each.path.strip() == fragment.path for each in candidates)
        if candidates and (tab or (fragment.kind is Kind.COMMAND and not whole)):
            completions.step(1)
        elif tab:
            self._nothing_begins_with(fragment)

    def _nothing_begins_with(self, fragment: Fragment) -> None:
        kinds = {Kind.COMMAND: "command", Kind.ARGUMENT: "choice"}
        self._say(f'No {kinds.get(fragment.kind, "picture")} begins with "{fragment.path}"')

    def _extend(self, fragment: Fragment, candidates: Sequence[Candidate]) -> bool:
        """Complete as far as it is clear; False when that is nowhere."""
        chosen = self.list.chosen
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
        self.close()
        if not whole:
            return
        self.leave()  # complete: nothing more to look up
        if fragment.kind is Kind.MENTION:
            self._prompt.post_message(PathChosen(candidate.path, "@" + written))
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


def _command(spec: Spec) -> Candidate:
    return Candidate(
        f"/{spec.name}" + (" " if spec.arguments and not spec.alone else ""),
        spec.brief,
        note=spec.summary,
    )
