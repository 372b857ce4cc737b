"""A person at the chat who does anything at all, with an engine that may do anything, too.

What is done is a list of steps, `steps()` says which there are; `RandomUser.do` does one and looks
whether everything still stands: no exception, a screen that can be drawn, no control character on
it, nothing that was sent and is not on disk.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random

from textual import events
from textual._wait import wait_for_idle
from textual.app import ScreenStackError
from textual.keys import _get_unicode_name_from_key
from textual.pilot import Pilot

from tests.fakes import STATS, Gate, Step, crash
from tests.ui.conftest import SNAPSHOT, TIMEOUT, Stage, screen_of
from tests.ui.foreign import assert_harmless
from vlmtui.commands import specs
from vlmtui.engine.engine_events import (
    Adjusted,
    Delta,
    Encoded,
    Encoding,
    Finished,
    Loading,
    Prefill,
    Trimmed,
)
from vlmtui.errors import GenerateFailed, LoadFailed
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.keys.key_bindings import every_binding
from vlmtui.ui.screens.chat.arrangement import too_small

NASTY = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;owned\x07\x1b[2J\x1b[H",
    "\x9b31m \x00\x07\x08 \x7f",
    "[red]bold[/red] [/] [b",
    "[@click=app.owned]click[/] [link=file:///etc/passwd]l[/link]",
    "\u202egnp.exe\u2066 \u200b\u200f עברית",
    "e\u0301" * 40,
    "👩‍👩‍👧‍👦 漢字漢字 ﷽",
    "x" * 3000,
    "a\r\nb\rc\u2028d\x0be",
    "```python\nprint(1)\n",
    "\n```\n",
    "\n| a | b |\n|---|---|\n| [i] | \x1b |\n",
    "\n# h\n* l\n  1. x\n> q\n---\n",
    "![i](/etc/passwd) <b>&amp; $",
    "\ud800 lone",
    "\t\t\n\n \n",
)
SIZES = ((80, 24), (20, 5), (1, 1), (250, 70), (60, 15), (40, 10), (39, 10), (100, 30), (160, 48))
EXTRA_KEYS = ("left", "right", "up", "down", "home", "end", "pageup", "pagedown", "tab")
EXTRA_KEYS += ("shift+tab", "enter", "escape", "backspace", "delete", "space", "ctrl+home")
EXTRA_KEYS += ("ctrl+end", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+a", "ctrl+z", "ctrl+y", "f20")
EXTRA_KEYS += ("shift+left", "shift+down", "ctrl+left", "ctrl+shift+right", "ctrl+@")
LEAVES = "ctrl+q"


def keys() -> list[str]:
    """Every key that is bound anywhere, but the one that leaves."""
    bound = {key for entry in every_binding() for key in entry.keys.split(",")}
    return sorted((bound | set(EXTRA_KEYS)) - {LEAVES})


ARGUMENTS = ("", "scene.png", "*.png", "@newest", "/etc", "nowhere.json", "json", "html out.html")
ARGUMENTS += (
    "temperature 0.5",
    "seed x",
    "default",
    "demo",
    "q",
    "vlmtui-light",
    "precise",
    *NASTY,
)
ENDS = ("stop", "length", "crash", "fail", "wait", "wait", "load")
KINDS = {"press": 8, "type": 2, "ask": 5, "script": 4, "go_on": 2, "command": 5, "paste": 1}
KINDS |= {"click": 3, "drag": 1, "wheel": 1, "resize": 1, "measure": 1, "leave": 0.5}


def steps(random: Random, number: int) -> Iterator[tuple[object, ...]]:
    """Things to do: the name of a method of `RandomUser`, and its arguments."""
    bound = keys()
    names = [spec.name for spec in specs.SPECS if spec.name != "quit"]

    def place() -> tuple[int, int]:
        return random.randrange(1000), random.randrange(1000)

    def some(texts: Sequence[str], most: int) -> list[str]:
        return random.choices(texts, k=random.randint(0, most))

    for kind in random.choices([*KINDS], [*KINDS.values()], k=number):
        match kind:
            case "press":
                yield kind, random.choices(bound, k=random.randint(1, 8))
            case "type":
                yield kind, "".join(random.choices("abc [@/~.1é漢\n", k=random.randint(1, 8)))
            case "ask":
                yield kind, "".join(some((*NASTY, "word "), 3))
            case "script":
                yield kind, some(NASTY, 4), random.choice(ENDS)
            case "command":
                yield kind, random.choice(names), random.choice(ARGUMENTS)
            case "paste":
                yield kind, random.choice((*NASTY, "scene.png ", "'/nowhere/x.png'"))
            case "click":
                yield kind, place(), random.randint(1, 3)
            case "drag":
                yield kind, place(), place()
            case "wheel":
                yield kind, place(), random.randint(-3, 3)
            case "resize":
                yield kind, random.choices(SIZES, k=random.randint(1, 5))
            case "measure":
                yield kind, random.choice(NASTY)
            case _:
                yield (kind,)


class RandomUser:
    """The chat on a stage, from one start of the application to its end.

    Attributes:
        sent: Words of which each is in a question that was taken.
        given: Words of which each was in an answer.
        left: The application was left.
    """

    def __init__(
        self, stage: Stage, pilot: Pilot[int], words: itertools.count[int], heard: list[str]
    ) -> None:
        """Sit down.

        Args:
            stage: Where the chat plays.
            pilot: Of the application.
            words: Numbers for words that are used once.
            heard: What the composer submits is put here.
        """
        self._stage = stage
        self._pilot = pilot
        self._words = words
        self._heard = heard
        self._gates: list[Gate] = []
        self.sent: list[str] = []
        self.given: list[str] = []
        self.left = False

    async def do(self, step: Sequence[object]) -> None:
        """Do a step and look."""
        name, *arguments = step
        with suppress(ScreenStackError):  # it leaves in the middle of this; see below
            done = getattr(self, str(name))(*arguments)
            if done is not None:
                await done
        await wait_for_idle(0, 0.06)
        if self._pilot.app._exit:  # there are more ways out than one
            self.end()
            self.left = True
        if self._pilot.app._exception is not None:
            raise self._pilot.app._exception
        if not self.left:
            assert_harmless(self._pilot)

    def end(self) -> None:
        """Let everything end that waits."""
        for gate in self._gates:
            gate.open()

    # ------------------------------------------------------------------ the person

    async def press(self, names: list[str]) -> None:
        for name in names:
            self._key(name)
            await asyncio.sleep(0)

    async def type(self, text: str) -> None:
        for character in text:
            self._key({"\n": "ctrl+j", " ": "space"}.get(character, character))
            await asyncio.sleep(0)

    async def ask(self, text: str) -> None:
        """Send a question, if that is possible now; then it is on disk or still in the composer."""
        screen = screen_of(self._pilot)
        if not await self._is_free():
            return
        word = f"q{next(self._words)}q"
        screen.prompt.text = f"{word} {text}"
        screen.prompt.focus_composer()
        self._key("enter")
        waiting = 0
        deadline = time.monotonic() + TIMEOUT
        while word not in self._on_disk() and waiting < 20:
            # it couldn't be sent, or another screen came and took the key
            sent = any(word in text for text in self._heard)
            waiting = waiting + 1 if word in screen.prompt.text or not sent else 0
            assert time.monotonic() < deadline, f"{word} was sent, and is nowhere"
            await asyncio.sleep(0.02)
        if word in self._on_disk():
            self.sent.append(word)

    async def _is_free(self) -> bool:
        """Go back to the composer, wait for the answer; whether a question can be sent now."""
        screen = screen_of(self._pilot)
        if too_small(self._pilot.app.size):
            await self.resize([(100, 30)])
        self.end()
        for _ in range(50):
            if self._pilot.app.screen is not screen:
                self._key("escape")
            elif not screen.topics.busy and not screen.query("Editing"):
                return True
            elif screen.query("Editing"):
                self._key("escape")
            await asyncio.sleep(0.02)
        return False

    async def command(self, name: str, argument: str) -> None:
        screen = screen_of(self._pilot)
        screen.prompt.text = f"/{name} {argument}".rstrip("\n")
        self._key("enter")

    def paste(self, text: str) -> None:
        self._send(events.Paste(text))

    async def click(self, place: tuple[int, int], times: int) -> None:
        for _ in range(times):
            self._mouse(events.MouseDown, place, 1)
            self._mouse(events.MouseUp, place, 1)
            await asyncio.sleep(0)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        self._mouse(events.MouseDown, start, 1)
        self._mouse(events.MouseMove, start, 1)
        self._mouse(events.MouseMove, end, 1)
        self._mouse(events.MouseUp, end, 1)

    def wheel(self, place: tuple[int, int], turns: int) -> None:
        kind = events.MouseScrollUp if turns < 0 else events.MouseScrollDown
        for _ in range(abs(turns)):
            self._mouse(kind, place, 0)

    async def resize(self, sizes: list[tuple[int, int]]) -> None:
        for width, height in sizes:
            size = events.Size(width, height)
            driver = self._pilot.app._driver
            assert driver is not None
            driver._size = (width, height)
            self._pilot.app.post_message(events.Resize(size, size))
            await asyncio.sleep(0)

    def leave(self) -> None:
        """Ctrl+Q; whoever drives this begins anew."""
        self.end()
        self._key(LEAVES)
        self.left = True

    # ------------------------------------------------------------------ the engine

    def script(self, texts: list[str], end: str) -> None:
        """What the engine will do next."""
        said: list[Step] = [Encoding(1, 1), Encoded(0, 64, 0.1, False, (8, 8)), Prefill(1, 9, 0)]
        for number, text in enumerate(texts, start=1):
            word = f"a{next(self._words)}a"
            said += [Delta(f"{text} {word} ", number), lambda word=word: self.given.append(word)]
        match end:
            case "length":
                said += [Trimmed(2, 1), Finished("length", STATS)]
            case "crash":
                said.append(crash("decode"))
            case "fail":
                said.append(GenerateFailed(f"It failed: {NASTY[0]}", NASTY[4]))
            case "wait":
                gate = Gate()
                self._gates.append(gate)
                said += [gate, Delta(" after", len(texts) + 1)]
            case "load":
                nasty = NASTY[1]
                self._stage.engine.script_load(
                    Loading(0.5), Adjusted(nasty, nasty), LoadFailed(nasty, nasty)
                )
                return
        self._stage.engine.script(*said)

    def go_on(self) -> None:
        """Whatever the engine waits for has come."""
        self.end()

    def measure(self, text: str) -> None:
        """The hardware tells something."""
        from msgspec.structs import replace

        app = self._pilot.app
        assert isinstance(app, VlmtuiApp)
        app.take_snapshot(replace(SNAPSHOT, notes=(text,)))

    # ------------------------------------------------------------------ below

    def _key(self, name: str) -> None:
        try:
            character: str | None = unicodedata.lookup(_get_unicode_name_from_key(name))
        except KeyError:
            character = name if len(name) == 1 else None
        self._send(events.Key(name, character))

    def _mouse(self, kind: type[events.MouseEvent], place: tuple[int, int], button: int) -> None:
        width, height = self._pilot.app.size
        x, y = place[0] * width // 1000, place[1] * height // 1000
        self._send(kind(None, x, y, 0, 0, button, False, False, False, x, y))

    def _send(self, event: events.Event) -> None:
        driver = self._pilot.app._driver
        assert driver is not None
        driver.process_message(event)

    def _on_disk(self) -> str:
        with self._stage.database.read() as connection:
            rows = connection.execute("SELECT text FROM messages WHERE role = 'user'")
            return "\n".join(text for (text,) in rows)
