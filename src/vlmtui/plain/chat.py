"""The plain chat: reads a line, does what it says, prints what comes of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType

from vlmtui.chat.session import ChatSession
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.plain.commands import PlainCommands
from vlmtui.plain.reading import Lines, remember
from vlmtui.plain.turn import Told
from vlmtui.plain.voice import Voice
from vlmtui.storage.records import StoredMessage
from vlmtui.ui import commands, completion, mentions, references
from vlmtui.ui.mentions import Token


class PlainChat:
    """One sitting."""

    def __init__(self, session: ChatSession, voice: Voice) -> None:
        self._session = session
        self._voice = voice
        self._failed = False

    def run(self, do: PlainCommands) -> int:
        """Talk until the user leaves; returns the exit code.

        Args:
            do: The commands.
        """
        lines = Lines(_complete)
        self._greet(lines)
        while not do.ended:
            try:
                text = lines.read("> ")
                if text is None:
                    break
                if text.strip():
                    self._take(text, do)
            except KeyboardInterrupt:
                with suppress(KeyboardInterrupt):  # a second one while that is printed
                    self._voice.note("", "Ctrl+D or /quit leaves; everything is saved")
        # a script wants to know; a person has read it
        return 1 if self._failed and not lines.interactive else 0

    def follow(self, events: Iterator[object]) -> StoredMessage | None:
        """Tell the events of a turn or a load; Ctrl+C stops it, and what has come is kept.

        The events are made in a thread: an exception in the midst of a frame would leave the
        conversation with the engine half-way.
        """
        told = Told(self._voice)
        stop = threading.Event()

        def interrupted(number: int, frame: FrameType | None) -> None:
            stop.set()
            threading.Thread(target=self._session.cancel, daemon=True).start()

        before = signal.signal(signal.SIGINT, interrupted)
        try:
            told.follow(_in_thread(events))
        finally:
            signal.signal(signal.SIGINT, before)
        if stop.is_set():
            self._voice.note("Stopped; /continue goes on, /regen answers again")
        return told.saved

    def _greet(self, lines: Lines) -> None:
        warning = self._session.warning
        if warning is not None:
            self._voice.complain(warning)
        if not lines.interactive:
            return
        self._voice.note("/help lists the commands, Ctrl+D leaves")
        with suppress(StorageError):
            asked = self._session.asked_before(50)
            remember([one.message.text for one in reversed(asked) if "\n" not in one.message.text])
        if self._session.chat is not None:
            self._voice.note(f"Going on with: {self._session.chat.title}")

    def _take(self, text: str, do: PlainCommands) -> None:
        try:
            command = commands.parse(text)
            if command is not None:
                do.run(command)
                return
            draft = mentions.take_out(text, self._pictures(text))
            waiting = [self._session.attach(path) for path in do.waiting]
            places = [0] * len(waiting) + list(draft.places)
            do.waiting.clear()
            self.follow(self._session.send(draft.text, [*waiting, *draft.images], places))
        except VlmtuiError as error:
            self._failed = True
            self._voice.complain(error)

    def _pictures(self, text: str) -> list[Token]:
        """The pictures that a text mentions, checked and copied."""
        tokens: list[Token] = []
        for mention in mentions.pictures(text):
            images: list[ImagePart] = [
                self._session.attach(path) for path in references.resolve(mention.path)
            ]
            # all pictures of one pattern stand at its place
            tokens += [Token(mention.start, mention.end, image) for image in images[:1]]
            tokens += [Token(mention.end, mention.end, image) for image in images[1:]]
        return tokens


def _in_thread(events: Iterator[object]) -> Iterator[object]:
    """The events, made in a thread of their own; what they raise is raised here."""
    queue: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()
    end = object()

    def make() -> None:
        try:
            for event in events:
                queue.put((event, None))
        except BaseException as error:  # raised again where the events are taken
            queue.put((end, error))
        else:
            queue.put((end, None))

    threading.Thread(target=make, daemon=True).start()
    while True:
        event, error = queue.get()
        if event is not end:
            yield event
        elif error is not None:
            raise error
        else:
            return


def _complete(before: str, word: str) -> Sequence[str]:
    """What Tab may put in the place of a word: a command, or a path after `@` and `/image`."""
    if before.startswith("/") and " " not in before:
        return [f"/{spec.name} " for spec in commands.beginning_with(before)]
    sign = "@" if word.startswith("@") else ""
    if not sign and not before.startswith("/image "):
        return []
    return [
        sign + completion.spell(found.path, "", whole=True)
        for found in completion.candidates(word.removeprefix(sign))
    ]
