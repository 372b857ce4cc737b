"""The chat screen: transcript, prompt, side pane, and what happens when something is typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.timer import Timer

from vlmtui.storage.records import Draft
from vlmtui.ui import commands
from vlmtui.ui.figures import stopping
from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.screens.chat_work import ChatWork
from vlmtui.ui.widgets.prompt import Prompt
from vlmtui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat_work import OpenSession

_DRAFT_SECONDS = 0.5


class ChatScreen(ChatTurns):
    """The screen that vlmtui opens."""

    DEFAULT_CSS = """
    ChatScreen {
        & #body {
            height: 1fr;
        }
        & #main {
            width: 1fr;
            height: 1fr;
        }
        & StatusStrip {
            display: none;
        }
        &.-narrow SidePane {
            display: none;
        }
        &.-narrow StatusStrip {
            display: block;
        }
        &.-huge SidePane {
            width: 48;
        }
    }
    """
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it as it is
        (0, "-narrow"),
        (100, "-wide"),
        (150, "-huge"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the answer", id="chat.stop"),
        Binding("f1", "help", "Help", id="chat.help"),
        Binding("pageup", "scroll_page(-1)", "Page up", id="chat.pageup", priority=True),
        Binding("pagedown", "scroll_page(1)", "Page down", id="chat.pagedown", priority=True),
        Binding("ctrl+home", "scroll_to(0)", "To the start", id="chat.start", priority=True),
        Binding("ctrl+end", "scroll_to(1)", "To the end", id="chat.end", priority=True),
    ]

    sample: reactive[Path | None] = reactive[Path | None](None)

    def __init__(
        self,
        open_session: OpenSession,
        *,
        model: str = "",
        log: Path | None = None,
        samples: tuple[Path, ...] = (),
    ) -> None:
        """Make the screen.

        Args:
            open_session: Opens the conversation; called in a thread, after the first paint.
            model: What the user calls the model that will be loaded.
            log: Where the engine writes its log.
            samples: Pictures to offer for a first try.
        """
        super().__init__(open_session, model=model, log=log)
        self._samples = samples
        self._draft_timer: Timer | None = None
        self.set_reactive(ChatScreen.sample, samples[0] if samples else None)

    def expect_width(self, columns: int) -> None:
        """Take the classes of this width at once; Textual would style everything a second time."""
        classes = [name for least, name in self.HORIZONTAL_BREAKPOINTS or () if columns >= least]
        self.add_class(classes[-1])

    def compose(self) -> ComposeResult:
        """What the first paint needs; `_furnish` adds the rest."""
        with Horizontal(id="body"), Vertical(id="main"):
            yield Transcript().data_bind(ChatScreen.figures, ChatScreen.sample)
            yield Prompt().data_bind(ChatScreen.images)

    def on_mount(self) -> None:
        """Paint first, then do everything else."""
        self.prompt.focus_composer()
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """Read the chat, load the model, show the side pane on the right or a strip below."""
        from vlmtui.ui.widgets.side_pane import SidePane
        from vlmtui.ui.widgets.status_strip import StatusStrip

        self.open_session()
        self.restore(draft=True)
        self.load_model()
        strip = StatusStrip().data_bind(ChatScreen.figures, ChatScreen.snapshot)
        pane = SidePane().data_bind(ChatScreen.image, ChatScreen.figures, ChatScreen.snapshot)
        await self.mount(strip)
        await self.query_one("#body").mount(pane)

    # ------------------------------------------------------------------ the chat on disk

    async def on_chat_work_restored(self, event: ChatWork.Restored) -> None:
        """Show the chat, and what was in the composer unless something is there already."""
        await self.transcript.show(event.thread)
        pictures = [image for stored in event.thread for image in stored.message.images]
        self._last_in_chat = pictures[-1] if pictures else None
        if event.draft != Draft() and not self.prompt.text and not self.images:
            self.prompt.text = event.draft.text
            self.images = event.draft.images
        self._choose_image()
        if event.error is not None:
            await self._tell(event.error)

    async def on_chat_work_restore_failed(self, event: ChatWork.RestoreFailed) -> None:
        """Begin anew, and say why."""
        await self._tell(event.error)

    def on_chat_work_open_failed(self) -> None:
        """Show nothing more; the application leaves."""
        self._left = True

    def on_prompt_edited(self, event: Prompt.Edited) -> None:
        """Keep the text a moment after the last change."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.set_timer(
            _DRAFT_SECONDS, lambda: self.keep_draft(self.prompt.text, self.images)
        )

    # ------------------------------------------------------------------ pictures

    def on_chat_work_attached(self, event: ChatWork.Attached) -> None:
        """Add pictures to the next message."""
        self.images = (*self.images, *event.images)
        self._choose_image()
        self.keep_draft(self.prompt.text, self.images)

    def on_chat_work_attach_failed(self, event: ChatWork.AttachFailed) -> None:
        """Tell it in place; the text stays."""
        if event.sending:
            self._settle()
        elif not self.prompt.text:
            self.prompt.text = commands.image_line(event.left)
        self.prompt.say(event.error.message, event.error.hint, error=True)

    def on_prompt_image_removed(self, event: Prompt.ImageRemoved) -> None:
        """Take a picture away again."""
        self.images = (*self.images[: event.index], *self.images[event.index + 1 :])
        self._choose_image()
        self.keep_draft(self.prompt.text, self.images)

    def on_prompt_path_chosen(self, event: Prompt.PathChosen) -> None:
        """A completed path becomes a picture at once."""
        self.prompt.cut(event.start, event.end)
        self.attach((event.path,))

    # ------------------------------------------------------------------ asking

    async def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        """Do a command, or send a message."""
        command = commands.parse(event.text)
        if command is not None:
            await self._run_command(command, event.text)
        elif self._turn:
            self.prompt.say("An answer is on its way", "Esc stops it; your text stays here")
        elif not event.text.strip() and not self.images:
            self.prompt.say("Type a question, or attach a picture with @path")
        else:
            self._begin_turn()
            self.prepare(event.text, self.images)

    async def _run_command(self, command: commands.Command, typed: str) -> None:
        if not command.known:
            self.prompt.say(
                f"There is no command /{command.name}",
                "F1 lists them; a space before the slash makes it text",
                error=True,
            )
            return
        if self._turn and command.name in ("regen", "new"):
            self.prompt.say("An answer is on its way", "Esc stops it")
            return
        if command.name == "image" and not command.argument:
            self.prompt.say("/image needs a path", "For example: /image ~/photo.jpg", error=True)
            return
        self.prompt.take(typed)
        match command.name:
            case "image":
                self.attach(commands.split_paths(command.argument))
            case "sample":
                self._attach_sample()
            case "regen":
                self._again = True
                self._begin_turn()
                self.answer_again()
            case "new":
                self.images = ()
                self.restore(new=True)
            case "help":
                self.action_help()
            case "quit":
                await self.run_action("app.quit")

    def _attach_sample(self) -> None:
        if not self._samples:
            self.prompt.say("There are no sample pictures here")
            return
        attached = {image.name for image in self.images}
        fresh = [path for path in self._samples if path.name not in attached]
        self.attach([str((fresh or list(self._samples))[0])])

    # ------------------------------------------------------------------ keys

    def action_stop(self) -> None:
        """Close the list of completions, or else stop the answer."""
        if self.prompt.close_list():
            return
        self.prompt.say()
        if self._turn:
            self.figures = stopping(self.figures)
            self.cancel_turn()

    def action_help(self) -> None:
        """Show the keys."""
        from vlmtui.ui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_scroll_page(self, direction: int) -> None:
        """Scroll the transcript by a page."""
        if direction < 0:
            self.transcript.scroll_page_up(animate=False)
        else:
            self.transcript.scroll_page_down(animate=False)

    def action_scroll_to(self, end: int) -> None:
        """Go to the start or the end of the transcript."""
        if end:
            self.transcript.scroll_end(animate=False)
        else:
            self.transcript.scroll_home(animate=False)

    @on(Transcript.Typed)
    def _typed_elsewhere(self, event: Transcript.Typed) -> None:
        self.prompt.focus_composer(event.character)
