"""How downloads are shown: bars on a terminal, lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from vlmtui import units
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.errors import AmbiguousFiles, VlmtuiError
from vlmtui.models.download import events
from vlmtui.net import addresses
from vlmtui.printable import line, prose
from vlmtui.stats.pull_lines import PullLines, far, made, waiting

_NAME_WIDTH = 28


class Lines(PullLines):
    """A line now and then, on standard error; `number` says which download it is about."""

    def __init__(self, wanted: Sequence[str]) -> None:
        super().__init__(wanted, self.say)

    def failed(self, number: int, error: VlmtuiError) -> None:
        self.say(f"vlmtui: {prose(error.message)}")
        if isinstance(error, AmbiguousFiles):
            for name, size in error.candidates:
                self.say(f"  {units.size(size):>8}  {line(name)}")
        if error.hint:
            self.say(prose(error.hint))

    def kept(self, wanted: Sequence[str]) -> None:
        """Say how to go on after Ctrl+C."""
        how = f"`{line(f'vlmtui models pull {shlex.join(wanted)}')}` continues"
        if any(addresses.shown(each) != each for each in wanted):
            how = "the same command continues"  # without a password on the screen
        self.say(f"Stopped. What came is kept: {how}.")

    def result(self, number: int, finished: events.Finished, name: str) -> None:
        print(f"{line(name)}\t{line(str(finished.paths[0]))}", flush=True)
        self.say(f"Ready: vlmtui --model {line(name)}")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal tidy."""


class Bars(Lines):
    """A line for each download that is drawn over again, on a terminal."""

    def __init__(self, wanted: Sequence[str]) -> None:
        super().__init__(wanted)
        self._bars: dict[int, tuple[str, float | None, str]] = {}
        self._drawn = 0
        unicode = (sys.stderr.encoding or "").lower().startswith("utf")
        self._full, self._empty = ("━", "╌") if unicode else ("#", ".")

    def show(self, number: int, event: events.Event) -> None:
        match event:
            case events.Progress(file=file):
                share = event.done / event.total if event.total else None
                self._bars[number] = (file, share, far(event, short=True))
            case events.Verifying(file=file, done=done, total=total):
                words = "comparing its hash"
                self._bars[number] = (file, done / total if total else None, words)
            case events.Importing(tensor=tensor, fraction=fraction):
                self._bars[number] = (tensor, fraction, made(fraction, event.seconds_left))
            case events.Waiting(reason=reason, seconds=seconds) if number in self._bars:
                file, share, _ = self._bars[number]
                self._bars[number] = (file, share, waiting(reason, seconds))
            case events.Ready(file=file):
                self._bars.pop(number, None)
                self.say(f"{line(file)}: here")
            case events.Finished() | events.Cancelled():
                self._bars.pop(number, None)
            case events.Started():
                return
            case _:
                super().show(number, event)
                return
        self._draw()

    def failed(self, number: int, error: VlmtuiError) -> None:
        self._bars.pop(number, None)
        super().failed(number, error)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._erase()
        super().say(text)
        self._draw()

    def close(self) -> None:
        self._bars.clear()
        self._erase()

    def _erase(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\x1b[{self._drawn}A\r\x1b[J")
            self._drawn = 0

    def _draw(self) -> None:
        self._erase()
        width = shutil.get_terminal_size().columns - 1
        for number in sorted(self._bars):
            sys.stderr.write(self._row(*self._bars[number], width) + "\n")
        self._drawn = len(self._bars)
        sys.stderr.flush()

    def _row(self, file: str, share: float | None, words: str, width: int) -> str:
        name = line(file.rpartition("/")[2], _NAME_WIDTH)
        room = width - len(name) - len(words) - 2
        if share is None or room < 6:
            return f"{name} {words}"[:width]
        full = round(min(1.0, share) * room)
        return f"{name} {self._full * full}{self._empty * (room - full)} {words}"


class JsonLines:
    """One JSON object a line, on standard output; `event` says which kind, `model` of what."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = wanted

    def show(self, number: int, event: events.Event) -> None:
        if isinstance(event, (events.Resolved, events.Finished)):
            return  # told by `plan` and `result`
        values = {name: _json(getattr(event, name)) for name in event.__struct_fields__}
        self._print(number, type(event).__name__.lower(), values)

    def plan(self, number: int, plan: events.Plan, expected: FitVerdict) -> None:
        files = [
            {
                "file": file.name,
                "role": file.role,
                "size": file.size,
                "kept": file.kept,
                "present": file.present,
                "path": str(file.path),
            }
            for file in plan.files
        ]
        values = {
            "name": plan.name,
            "repository": plan.repository,
            "commit": plan.commit,
            "licence": plan.licence,
            "size": plan.size,
            "missing": plan.missing,
            "files": files,
            "fit": expected.fit.verdict if expected.fit is not None else None,
            "words": expected.words,
        }
        self._print(number, "resolved", values)

    def failed(self, number: int, error: VlmtuiError) -> None:
        values: dict[str, Any] = {
            "error": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        if isinstance(error, AmbiguousFiles):
            values["role"] = error.role
            values["candidates"] = [{"file": name, "size": size} for name, size in error.candidates]
        self._print(number, "failed", values)

    def kept(self, wanted: Sequence[str]) -> None:
        """The event `cancelled` has told."""

    def result(self, number: int, finished: events.Finished, name: str) -> None:
        values = {
            "name": name,
            "paths": [str(path) for path in finished.paths],
            "fetched": finished.fetched,
        }
        self._print(number, "finished", values)

    def close(self) -> None:
        """Nothing is held back."""

    def _print(self, number: int, event: str, values: dict[str, Any]) -> None:
        print(json.dumps({"event": event, "model": self._wanted[number], **values}), flush=True)


Display = Lines | JsonLines


def display(wanted: Sequence[str], *, as_json: bool) -> Display:
    """What suits where we write to."""
    shown = [addresses.shown(each) for each in wanted]
    if as_json:
        return JsonLines(shown)
    return Bars(shown) if sys.stderr.isatty() else Lines(shown)


def _json(value: object) -> object:
    return value if isinstance(value, (str, int, float, type(None))) else str(value)
