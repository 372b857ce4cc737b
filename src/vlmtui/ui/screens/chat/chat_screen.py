"""The chat screen: its panes, and what happens when something is typed.

What can be done on it is in a topic each. A slash command is a verb in `vlmtui.commands`, unless a
topic has a form of its own for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui.messages import ImagePart
from vlmtui.settings import PRESETS, Preset, Settings
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.storage.records import Chat
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat.ahead_topic import AheadTopic
from vlmtui.ui.screens.chat.arrangement import arrange
from vlmtui.ui.screens.chat.asking_topic import AskingTopic
from vlmtui.ui.screens.chat.attaching_topic import AttachingTopic
from vlmtui.ui.screens.chat.chat_facts import PanesMounted
from vlmtui.ui.screens.chat.chats_topic import ChatsTopic
from vlmtui.ui.screens.chat.compare_topic import CompareTopic
from vlmtui.ui.screens.chat.conversation_topic import ConversationTopic
from vlmtui.ui.screens.chat.cost_topic import CostTopic
from vlmtui.ui.screens.chat.elsewhere_topic import ElsewhereTopic
from vlmtui.ui.screens.chat.fetch_topic import FetchTopic
from vlmtui.ui.screens.chat.machine_topic import MachineTopic
from vlmtui.ui.screens.chat.messages_topic import MessagesTopic
from vlmtui.ui.screens.chat.models_topic import ModelsTopic
from vlmtui.ui.screens.chat.panes_topic import PanesTopic
from vlmtui.ui.screens.chat.reading_topic import ReadingTopic
from vlmtui.ui.screens.chat.search_topic import SearchTopic
from vlmtui.ui.screens.chat.theme_topic import ThemeTopic
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.viewing_topic import ViewingTopic
from vlmtui.ui.screens.chat.welcome_topic import WelcomeTopic
from vlmtui.ui.screens.chat.writing_topic import WritingTopic
from vlmtui.ui.screens.mended_screen import MendedScreen
from vlmtui.ui.widgets.composer.prompt_area import Prompt
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.chat.available_models import AvailableModels
    from vlmtui.hardware.base import Snapshot
    from vlmtui.ui.screens.chat.conversation_topic import OpenSession

TOPICS: tuple[type[Topic], ...] = (
    MessagesTopic,
    AttachingTopic,
    AheadTopic,
    CostTopic,
    FetchTopic,
    ModelsTopic,
    ViewingTopic,
    SearchTopic,
    WritingTopic,
    ReadingTopic,
    MachineTopic,
    CompareTopic,
    PanesTopic,
    ChatsTopic,
    ElsewhereTopic,
    ThemeTopic,
    WelcomeTopic,
)
"""What can be done here; each registers itself. Their keys stand in this order in the help."""


class ChatScreen(MendedScreen[None]):
    """The screen that vlmtui opens."""

    DEFAULT_CSS = """
    ChatScreen {
        & #body {
            height: 1fr;
            layers: base drawer;
        }
        & #main {
            width: 1fr;
            min-width: 36; /* where panes take all that a tiny terminal has; it is covered then */
            height: 1fr;
        }
        &.-continuing #title, &.-continuing Welcome {
            visibility: hidden;
        }
        &.-low Hint {
            max-height: 4;
        }
        &.-low #title {
            display: none;
        }
        & .pane.-over {
            layer: drawer;
            background: $surface;
        }
        & .pane.chats.-over {
            dock: left;
            border-right: solid $primary;
        }
        & .pane.side.-over {
            dock: right;
            border-left: solid $primary;
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
        *(binding for topic in TOPICS for binding in topic.BINDINGS),
    ]

    # a screen that repaints itself repaints everything, pictures included
    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)
    snapshot: reactive[Snapshot | None] = reactive["Snapshot | None"](None, repaint=False)
    chat: reactive[Chat | None] = reactive[Chat | None](None, repaint=False)
    """The chat that is open, once it is on disk."""

    image: reactive[ImagePart | None] = reactive[ImagePart | None](None, repaint=False)
    """What the side pane shows: attached last, or else shown last in the chat."""

    pulling: reactive[str] = reactive("", repaint=False)
    """What is being fetched, in a few words; empty where nothing is."""

    sample: reactive[Path | None] = reactive[Path | None](None, repaint=False)

    def __init__(
        self,
        open_session: OpenSession,
        *,
        model: str = "",
        log: Path | None = None,
        samples: tuple[Path, ...] = (),
        memory: Memory | None = None,
        continues: bool = False,
    ) -> None:
        """Make the screen.

        Args:
            open_session: Opens the conversation; called in a thread, after the first paint.
            model: What the user calls the model that will be loaded.
            log: Where the engine writes its log.
            samples: Pictures to offer for a first try.
            memory: How the user left the screen; None remembers nothing.
            continues: It is no new chat that will be shown.
        """
        super().__init__(classes="-continuing" if continues else None)
        self.log_path = log
        self.asked: Chat | None = None
        """The chat that was asked in last: `--continue` opens it."""

        self._columns = 0
        self.memory = memory if memory is not None else Memory()
        self.samples = samples
        self.presets: Mapping[str, Preset] = PRESETS
        self.open_available_models: Callable[[], AvailableModels] = _usual_models
        self.topics = ChatContext(self)
        self.conversation = ConversationTopic(self.topics, open_session)
        self._asking = AskingTopic(self.topics)
        for topic in TOPICS:
            topic(self.topics)
        self.set_reactive(ChatScreen.engine_state, EngineState(phase=Phase.LOADING, model=model))
        self.set_reactive(ChatScreen.sample, samples[0] if samples else None)

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    def expect_width(self, columns: int) -> None:
        """Take the classes of this width at once; Textual would style everything a second time."""
        classes = [name for least, name in self.HORIZONTAL_BREAKPOINTS or () if columns >= least]
        self.add_class(classes[-1])
        self._columns = columns

    def compose(self) -> ComposeResult:
        """What the first paint needs; `_furnish` adds the rest."""
        with Horizontal(id="body") as body, Vertical(id="main"):
            self._keep_free(body)
            yield Heading(id="title")
            yield Transcript().data_bind(ChatScreen.engine_state, ChatScreen.sample)
            yield Prompt().data_bind(ChatScreen.engine_state)

    def _keep_free(self, body: Widget) -> None:
        """Leave the panes and the strip their places, so that nothing moves when they come."""
        now = arrange(self._columns, self.memory.value)
        body.styles.padding = (0, now.reserved("side"), 1, now.reserved("chats"))

    def on_mount(self) -> None:
        """Paint first, then do everything else."""
        self.prompt.focus_composer()
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """Read the chat, load the model, mount the panes and the strip."""
        from vlmtui.ui.widgets.panes.chats_pane import ChatsPane
        from vlmtui.ui.widgets.panes.divider import Divider
        from vlmtui.ui.widgets.panes.side_pane import SidePane
        from vlmtui.ui.widgets.panes.status_strip import StatusStrip

        self.conversation.begin()
        strip = StatusStrip().data_bind(
            ChatScreen.engine_state, ChatScreen.snapshot, ChatScreen.pulling
        )
        side = SidePane(classes="pane side").data_bind(
            ChatScreen.image, ChatScreen.engine_state, ChatScreen.snapshot
        )
        body = self.query_one("#body")
        with self.app.batch_update():
            await self.mount(strip)
            chats = ChatsPane(classes="pane chats")
            chats.display = side.display = False  # until they are laid out
            await body.mount(chats, Divider(classes="chats"), before="#main")
            await body.mount(Divider(classes="side"), side)
            body.styles.padding = 0
            self.topics.emit_now(PanesMounted())

    # ------------------------------------------------------------------ routing

    async def action_topic(self, name: str, *arguments: object) -> None:
        """Do what a topic has registered for a key; Textual passes at most one argument."""
        done = self.topics.actions[name](*arguments)
        if isawaitable(done):
            await done

    async def _on_message(self, message: Message) -> None:
        """Tell the topics first what has happened here, or was said by a widget."""
        await self.topics.emit(message)
        await self.topics.emit(message, message.handler_name)
        await super()._on_message(message)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key counts just now."""
        if action == "topic" and (applies := self.topics.applies.get(str(parameters[0]))):
            return applies()
        return super().check_action(action, parameters)

    # ------------------------------------------------------------------ keys

    def action_stop(self) -> None:
        """Close the list of completions, or else stop the answer."""
        if self.prompt.completion.close():
            return
        self.prompt.say()
        if any(stop() for stop in self.topics.stops):
            return
        if self.topics.turn is not None:
            self.topics.turn.stop()
        elif self.engine_state.waits_for:
            self.topics.cancel()

    async def do_command(self, name: str) -> None:
        """Do a command that was chosen from a list; the composer takes one that needs more."""
        await self._asking.choose(name)


def _usual_models() -> AvailableModels:
    from vlmtui.chat.available_models import AvailableModels

    return AvailableModels(Settings())
