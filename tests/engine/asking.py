"""Short ways to ask an engine, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Delta, Event, Finished
from vlmtui.engine.engine_requests import Generate, Sampling
from vlmtui.messages import Message, assistant

GREEDY = Sampling(temperature=0, max_tokens=48)


@dataclass
class Answer:
    """An answer with all its events."""

    text: str = ""
    events: list[Event] = field(default_factory=list)

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last

    def of(self, kind: type) -> list:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def followed_by(self, asked: tuple[Message, ...], next_message: Message) -> tuple[Message, ...]:
        """The conversation with this answer and another question."""
        return (*asked, assistant(self.text), next_message)


def ask(engine: Engine, *messages: Message, sampling: Sampling = GREEDY) -> Answer:
    """Ask and wait for the whole answer."""
    answer = Answer()
    for event in engine.generate(Generate(tuple(messages), sampling)):
        answer.events.append(event)
        if isinstance(event, Delta):
            answer.text += event.text
    return answer
