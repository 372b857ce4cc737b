"""How far reading ahead has come, as one number made of the engine's events."""

from __future__ import annotations

from vlmtui.engine.engine_events import Encoded, Encoding, Event, Finished, Prefill


class ReadingProgress:
    """A picture is half done when it is encoded, since reading it takes about as long.

    Attributes:
        fraction: 0 to 1; None where it was given up.
    """

    def __init__(self) -> None:
        self.fraction: float | None = 0.0
        self._pictures = self._encoded = 0
        self._read = 0.0

    def take(self, event: Event) -> None:
        match event:
            case Encoding(of=of):
                self._pictures = max(self._pictures, of)
            case Encoded(reused=False):
                self._encoded += 1
            case Prefill(done=done, total=total, reused=reused):
                self._read = (done - reused) / (total - reused) if total > reused else 1.0
            case Finished(reason=reason):
                self.fraction = 1.0 if reason == "done" else None
                return
        if self.fraction is not None:
            whole = self._read
            if self._pictures:
                whole = (self._encoded / self._pictures + self._read) / 2
            self.fraction = max(self.fraction, min(whole, 1.0))
