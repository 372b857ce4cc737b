"""One console of the plain chat: what is attached, what is followed, what is printed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType

from vlmtui import crash_log, printable
from vlmtui.chat.chat_events import AnswerSaved, UserSaved
from vlmtui.commands.context import CommandContext
from vlmtui.compose import mentions
from vlmtui.compose.mentions import Token
from vlmtui.compose.tokens import Tokens
from vlmtui.endings import is_ignored
from vlmtui.engine.base import closing_events
from vlmtui.engine.engine_events import Adjusted, Waiting
from vlmtui.engine.event_thread import EventThread
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart, user
from vlmtui.plain.event_lines import EventPrinter
from vlmtui.plain.line_reader import LineReader
from vlmtui.plain.measuring import Measuring
from vlmtui.plain.printer import Printer
from vlmtui.stats.image_costs import costs, predicted
from vlmtui.storage.records import Draft, StoredMessage

PAGE = 20
"""Lines of a list that are printed at a time."""


class Console:
    """The state between two lines.

    Attributes:
        measuring: Knows what machine and engine do.
        waiting: Pictures that go with the next message.
        begun: What stands in the next line already: a question that never reached the disk.
        failed: Something that was asked for could not be done.
    """

    def __init__(self, context: CommandContext, printer: Printer, reader: LineReader) -> None:
        self.context = context
        self.session = context.session
        self.printer = printer
        self.reader = reader
        self.measuring = Measuring(context.session)
        self.waiting: list[ImagePart] = []
        self.begun = ""
        self.failed = False
        context.tokens = lambda text: [Token(0, 0, image) for image in self.waiting]
        context.moment = self.measuring.moment
        self._rest: Iterator[str] = iter(())
        self._trimmed: set[str] = set()
        self._unprinted: SimpleQueue[object] = SimpleQueue()

    # ------------------------------------------------------------------ what is followed

    def load_ahead(self) -> None:
        """Load while the user types; what there is to tell of it is told with the next answer.

        A failure is told by the first turn, which tries again; so is whom the model waits for.
        """
        with crash_log.logged():
            with closing_events(self.session.model.load()) as events:
                for event in events:
                    if isinstance(event, Waiting):
                        return
                    self.measuring.notice(event)
                    if isinstance(event, Adjusted):
                        self._unprinted.put(event)
            self.read_ahead()

    def read_ahead(self) -> None:
        """Have the chat and the pictures that wait read, while the user types."""
        if self.reader.interactive:
            threading.Thread(target=self._read_ahead, name="vlmtui-ahead", daemon=True).start()

    def _read_ahead(self) -> None:
        begun = user("", self.waiting) if self.waiting else None
        with crash_log.logged():
            for _ in self.session.reading_ahead.run(begun, lambda: self.measuring.throttled):
                pass

    def follow(
        self, events: Iterator[object], stop: Callable[[], object] | None = None, typed: str = ""
    ) -> EventPrinter:
        """Tell what happens, until it has ended; Ctrl+C stops it, and what has come is kept.

        The events are made in a thread: an exception in the midst of a frame would leave the
        conversation with the engine half-way.

        Args:
            events: What happens; what they raise is raised here.
            stop: Done at Ctrl+C; nothing: a thought is ended, what the session does is cancelled.
            typed: A question that stands in the next line again if it never reaches the disk.

        Raises:
            KeyboardInterrupt: It was stopped, and nobody is there to go on.
        """
        told = EventPrinter(self.printer)
        self.begun = typed
        try:
            with interrupts(stop or self.session.stop) as stopped:
                told.follow(self._noticed(EventThread(events)))
        finally:
            self.measuring.end_turn()
        told.stopped = stopped.is_set()
        if told.stopped and not self.reader.interactive:
            raise KeyboardInterrupt
        return told

    def _noticed(self, events: Iterable[object]) -> Iterator[object]:
        """The events, and before each what the load ahead, maybe still going on, left to tell."""
        for event in events:
            while not self._unprinted.empty():
                yield self._unprinted.get()
            yield self._notice(event)

    def _notice(self, event: object) -> object:
        event = self.measuring.notice(event)
        if isinstance(event, UserSaved):
            self.begun = ""
            sent = event.stored.message.images
            self.waiting[:] = [image for image in self.waiting if image not in sent]
        elif isinstance(event, AnswerSaved):
            self._report_trimmed(event.stored)
        return event

    def _report_trimmed(self, answer: StoredMessage) -> None:
        """Say which pictures the model no longer sees, each once."""
        gone = {digest for digest, cost in costs(answer.stats).items() if cost.trimmed}
        new, self._trimmed = gone - self._trimmed, self._trimmed | gone
        if not new:
            return
        images = [image for stored in self.session.transcript() for image in stored.message.images]
        names = list(dict.fromkeys(image.name for image in images if image.sha256 in new))
        listed = ", ".join(printable.line(name, 40) for name in names)
        self.printer.note(f"No longer seen by the model: {listed}")

    # ------------------------------------------------------------------ what is printed

    def print_rows(self, rows: Iterator[str], nothing: str, advice: str = "") -> None:
        """Print the first rows of a list, or that there is nothing; `/more` goes on."""
        self._rest = rows
        if not self.more():
            self.printer.note(nothing)
        elif advice:
            self.printer.note(advice)

    def more(self) -> bool:
        """Print the next rows of the last list; False where there are none."""
        printed = 0
        for row in self._rest:
            self.printer.show(row)
            printed += 1
            if printed == PAGE:
                self.printer.note("/more prints the rest")
                break
        return printed > 0

    # ------------------------------------------------------------------ what is written

    def confirm(self, question: str) -> bool:
        return self.reader.confirm(self.printer.note, question)

    @property
    def draft(self) -> Draft:
        return Draft(self.reader.pending, tuple(self.waiting))

    def take_up(self, draft: Draft) -> None:
        """Go on with what was typed or attached and not sent."""
        tokens = Tokens()  # where pictures stand in the text of the screen's composer
        text = tokens.adopt(draft.text, draft.images)
        self.waiting.clear()
        self.attached(draft.images)
        self.begun = mentions.take_out(text, tokens.find(text)).text

    def attached(self, images: Sequence[ImagePart]) -> None:
        """Have pictures go with the next message."""
        for image in images:
            self.waiting.append(image)
            name = printable.line(image.name, 80)
            words = [f"Attached: {name}, {image.width}×{image.height}"]
            with suppress(VlmtuiError):  # the next question tells what is wrong
                words += filter(None, (predicted(self.session, (image,)),))
            self.printer.note(", ".join(words))


@contextmanager
def interrupts(stop: Callable[[], object]) -> Iterator[threading.Event]:
    """Have Ctrl+C call something, in a thread; yields what tells whether that stopped anything.

    It did not where it returns True: what goes on goes on then. Where a script started this program
    with the signal ignored, it stays so.
    """
    told = threading.Event()
    if is_ignored(signal.SIGINT):
        yield told
        return

    def stopping() -> None:
        if stop() is True:
            told.clear()

    def interrupted(number: int, frame: FrameType | None) -> None:
        told.set()
        threading.Thread(target=stopping, daemon=True).start()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield told
    finally:
        signal.signal(signal.SIGINT, before)
