"""A turn or a load, told in lines as it happens."""

from __future__ import annotations

from collections.abc import Iterator

from vlmtui.chat.events import AnswerSaved, AnswerStarted, GoingBack, StorageWarning
from vlmtui.engine.base import Adjusted, Delta, Encoded, Encoding, Loading, Prefill, Trimmed
from vlmtui.plain.voice import Answer, Voice
from vlmtui.storage.records import StoredMessage

_LONG_PROMPT = 1500
"""Tokens from which reading the prompt takes long enough to be told, on a small board."""


class Told:
    """Tells the events of one request. Each phase has one line at most: there are no spinners."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._answer: Answer | None = None
        self._said: set[str] = set()
        self.saved: StoredMessage | None = None
        """The answer as it was stored, once it has ended."""

    def follow(self, events: Iterator[object]) -> None:
        """Tell the events as they come; what they raise goes on to the caller."""
        try:
            for event in events:
                self._tell(event)
        finally:
            if self._answer is not None:
                self._answer.end()
                self._answer = None

    def _tell(self, event: object) -> None:
        match event:
            case Loading():
                self._once("load", "Loading the model …")
            case Encoding(image=image, of=of):
                which = f"picture {image} of {of}" if of > 1 else "the picture"
                self._once(f"encode {image}", f"Encoding {which} …")
            case Encoded(reused=False, scaled_to=(width, height)):
                self._voice.note(
                    f"The model gets a picture scaled down to {width}×{height} pixels: in full it "
                    "would fill the context"
                )
            case Prefill(total=total, reused=reused) if total - reused > _LONG_PROMPT:
                self._once("prefill", f"Reading {total - reused} tokens …")
            case Trimmed(dropped=dropped):
                self._voice.note(f"The oldest {dropped} messages no longer fit into the context")
            case Adjusted(why=why, changes=changes):
                self._voice.note(f"{why}. " + (f"Taking {changes}" if changes else "Trying anyway"))
            case AnswerStarted():
                self._answer = self._voice.answer()
            case Delta(text=text) if self._answer is not None:
                self._answer.feed(text)
            case StorageWarning(message=message, hint=hint):
                self._voice.note(message, hint)
            case GoingBack(model=model):
                self._voice.note(f"Going back to {model} …")
            case AnswerSaved(stored=stored):
                self.saved = stored

    def _once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._voice.note(text)
