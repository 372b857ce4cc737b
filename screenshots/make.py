"""Redraw the screenshots: the real application with the real demo model.

    python screenshots/make.py [--only chat] [--png]

Runs without a terminal and writes an SVG file for each row of `SHOTS` beside this file; with
`--png` PNG files, too, by the first converter that is there: chromium, rsvg-convert. Nothing of
the user's own chats is read or written. A new picture is a function that presses keys until the
screen shows what it should, and a row in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0
"""Seconds to wait for a step; loading on a busy machine takes a while."""

Shot = Callable[[Pilot[int]], Awaitable[None]]


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait for something to be on the screen."""

    async def poll() -> None:
        while not condition():
            await pilot.pause(0.05)

    await asyncio.wait_for(poll(), PATIENCE)
    await pilot.pause()


async def ask(pilot: Pilot[int], text: str) -> None:
    """Ask a question and wait for the end of its answer."""
    screen = pilot.app.screen_stack[0]
    before = len(screen.query("Answer"))
    screen.prompt.text = text
    await pilot.press("enter")
    await until(
        pilot, lambda: len(screen.query("Answer")) > before and not screen.engine_state.busy
    )


async def ready(pilot: Pilot[int]) -> None:
    """Wait for the model and the first figures of its memory."""
    screen = pilot.app.screen_stack[0]
    await until(pilot, lambda: screen.engine_state.info and screen.query("SidePane"))
    await until(pilot, lambda: screen.snapshot and screen.snapshot.engine_rss_bytes)


async def chat(pilot: Pilot[int]) -> None:
    """Two pictures in the chat, a question about both, a follow-up."""
    await ready(pilot)
    await ask(pilot, "Which image has more shapes? @shapes-1.png @shapes-3.png")
    await ask(pilot, "What color is the triangle in the second image?")
    await pilot.press(*"How", "space", *"many", "space", *"stars", "space", *"are", "space")
    await pilot.press(*"there?")
    await finish(pilot)


async def photograph(pilot: Pilot[int]) -> None:
    """A photograph read ahead of the question about it, which the demo model couldn't answer."""
    await ready(pilot)
    screen = pilot.app.screen_stack[0]
    await ask_command(pilot, f"/image {HERE / 'cat.jpg'}")
    await until(pilot, lambda: screen.image is not None)
    await pilot.press(*"What is the cat looking at?")
    await until(pilot, lambda: re.search("[0-9]+ tokens.*ready", _text(pilot)))
    await finish(pilot)


async def whole(pilot: Pilot[int]) -> None:
    """The same photograph over the whole screen."""
    await photograph(pilot)
    await pilot.press("f7")
    await finish(pilot)


async def narrow(pilot: Pilot[int]) -> None:
    """The same at 80x24."""
    await ready(pilot)
    await ask(pilot, "Describe the image. @shapes-2.png")
    await finish(pilot)


async def show_help(pilot: Pilot[int]) -> None:
    """The keys, over a chat."""
    await chat(pilot)
    await pilot.press("f1")
    await finish(pilot)


async def finish(pilot: Pilot[int]) -> None:
    """Let pictures and memory figures settle."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(1.5)


async def palette(pilot: Pilot[int]) -> None:
    """Some letters typed into the palette."""
    await chat(pilot)
    await pilot.press("ctrl+p", *"se")
    await finish(pilot)


async def themes(pilot: Pilot[int]) -> None:
    """The list of themes, one of them tried on."""
    await chat(pilot)
    await pilot.press("ctrl+p", *"/theme", "enter")
    await until(pilot, lambda: type(pilot.app.screen).__name__ == "ThemePicker")
    await until(pilot, lambda: "fjord" in _text(pilot))
    await pilot.press(*["up"] * 4)
    await finish(pilot)


async def error(pilot: Pilot[int]) -> None:
    """A picture that isn't there."""
    await ready(pilot)
    await ask(pilot, "What color is the circle? @shapes-1.png")
    screen = pilot.app.screen_stack[0]
    screen.prompt.text = "And this? @shapes-9.png"
    await pilot.press("enter")
    await finish(pilot)


async def chats(pilot: Pilot[int]) -> None:
    """Several chats beside the one that is open."""
    await ready(pilot)
    questions = ("How many stars are there?", "Where is the triangle?", *QUESTIONS)
    for number, question in zip((3, 3, 1, 2, 3, 4), questions, strict=True):
        await ask(pilot, f"{question} @shapes-{number}.png")
        if question != questions[-1]:
            await ask_command(pilot, "/new")
    await finish(pilot)


async def search(pilot: Pilot[int]) -> None:
    """Words that several chats have."""
    await chats(pilot)
    await pilot.press("ctrl+f", *"circle")
    await finish(pilot)


async def attach(pilot: Pilot[int]) -> None:
    """The directory of the sample pictures, one of them under the cursor."""
    await ready(pilot)
    await pilot.press("ctrl+o")
    await finish(pilot)
    await pilot.press("down", "down")
    await finish(pilot)


async def monitor(pilot: Pilot[int]) -> None:
    """Everything that a board tells; its files are a copy, its engine is this machine's."""
    await ready(pilot)
    for number, question in enumerate(QUESTIONS, start=1):
        await pilot.pause(8.0)
        await ask(pilot, f"{question} @shapes-{number}.png")
        await ask(pilot, "Describe the image.")
    await pilot.press("f3")
    await finish(pilot)


async def versions(pilot: Pilot[int]) -> None:
    """The cursor on an answer that was given twice."""
    await ready(pilot)
    await ask(pilot, "What color is the circle? @shapes-1.png")
    await ask_command(pilot, "/regen")
    await finish(pilot)
    await pilot.press("alt+up")
    await finish(pilot)


QUESTIONS = (
    "Describe the image.",
    "How many shapes are there?",
    "What color is the circle?",
    "Is there a square?",
)


async def ask_command(pilot: Pilot[int], line: str) -> None:
    """Do a command and wait until it is done."""
    screen = pilot.app.screen_stack[0]
    screen.prompt.text = line
    await pilot.press("enter")
    await pilot.pause(0.5)
    await until(pilot, lambda: not screen.engine_state.busy)


class Picture(NamedTuple):
    """A screenshot: columns and rows, what is done before, the theme, and the machine."""

    size: tuple[int, int]
    shot: Shot
    theme: str = ""
    board: str = ""
    """A board of `tests.hardware.boards` whose figures are shown; empty for this machine's."""


GALLERY = ("vlmtui-light", "ember", "fjord", "phosphor")
"""The themes of `gallery.svg`, which shows the same chat in each."""


async def model_picker(pilot: Pilot[int]) -> None:
    """The models on this machine, over a chat."""
    await chat(pilot)
    await pilot.press("f2")
    await until(pilot, lambda: "fits" in _text(pilot))
    await finish(pilot)


async def models(pilot: Pilot[int]) -> None:
    """The catalogue, with what is known of one model."""
    await ready(pilot)
    await ask_command(pilot, "/models")
    await until(pilot, lambda: "qwen2.5-vl-3b" in _text(pilot))
    await pilot.press(*["down"] * 13)
    await finish(pilot)


def _text(pilot: Pilot[int]) -> str:
    return "".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


SHOTS = {
    "chat": Picture((120, 36), chat),
    "photograph": Picture((120, 36), photograph),
    "whole": Picture((100, 30), whole),
    "narrow": Picture((80, 24), narrow),
    "small": Picture((60, 15), narrow),
    "help": Picture((100, 32), show_help),
    "palette": Picture((120, 36), palette),
    "themes": Picture((120, 36), themes),
    "error": Picture((100, 30), error),
    "chats": Picture((160, 48), chats),
    "search": Picture((120, 36), search),
    "attach": Picture((120, 36), attach),
    "model": Picture((120, 36), model_picker),
    "models": Picture((120, 36), models),
    "monitor": Picture((120, 36), monitor, board="orin-nano"),
    "versions": Picture((100, 30), versions),
}
NAMES = (*SHOTS, "gallery")


async def shoot(picture: Picture) -> str:
    """Run the application once and draw its screen, as SVG."""
    from vlmtui.chat.chat_runtime import ChatRuntime
    from vlmtui.chat.requests import load_request
    from vlmtui.settings import Settings
    from vlmtui.ui.launch import make_app

    # greedy, so that the pictures stay the same
    settings = Settings(temperature=0.0, theme=picture.theme)
    runtime = ChatRuntime(settings, load_request(settings, None, None), continue_last=False)
    app = make_app(runtime, settings)
    if picture.board:
        from tests.hardware.boards import BOARDS

        folder = Path(os.environ["VLMTUI_HOME"]) / picture.board
        folder.mkdir(parents=True, exist_ok=True)
        BOARDS[picture.board](folder)
        os.environ["VLMTUI_SYSROOT"] = str(folder)
    try:
        async with app.run_test(size=picture.size) as pilot:
            await picture.shot(pilot)
            svg = app.export_screenshot(title="vlmtui")
            while app.screen.is_modal:
                await pilot.press("escape")
            await pilot.press("ctrl+q")
    finally:
        os.environ.pop("VLMTUI_SYSROOT", None)
        runtime.close()
    return svg


def draw(name: str) -> Path:
    """Make one of the pictures, or the gallery."""
    if name == "gallery":
        svg = side_by_side([asyncio.run(shoot(Picture((100, 30), chat, n))) for n in GALLERY])
    else:
        svg = asyncio.run(shoot(SHOTS[name]))
    path = HERE / f"{name}.svg"
    path.write_text(svg, encoding="utf-8")
    return path


def side_by_side(pictures: Sequence[str]) -> str:
    """One SVG of several of the same size, two in a row."""
    width, height = _size(pictures[0])
    rows = (len(pictures) + 1) // 2
    parts = [f'<svg viewBox="0 0 {2 * width} {rows * height}" xmlns="http://www.w3.org/2000/svg">']
    for index, picture in enumerate(pictures):
        # classes and ids are the document's: those of the pictures must not meet
        own = re.sub(r"terminal-(\d+)", rf"terminal-{index}-\1", picture)
        place = f'<svg x="{index % 2 * width}" y="{index // 2 * height}" width="{width}" '
        parts.append(own.replace("<svg ", f'{place}height="{height}" ', 1))
    return "\n".join([*parts, "</svg>"])


def _size(svg: str) -> tuple[int, int]:
    view = svg.partition('viewBox="0 0 ')[2].partition('"')[0]
    width, height = (round(float(number)) + 1 for number in view.split())
    return width, height


def convert(svg: Path) -> Path | None:
    """Make a PNG of an SVG file, where a converter is installed."""
    png = svg.with_suffix(".png")
    text = svg.read_text(encoding="utf-8")
    width, height = _size(text)
    if browser := shutil.which("chromium") or shutil.which("google-chrome"):
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--window-size={width},{height}", f"--screenshot={png}", svg.resolve().as_uri()),
        ]
    elif tool := shutil.which("rsvg-convert"):
        command = [tool, "--width", str(width), "--output", str(png)]
        # it drops spaces at the ends of texts, and with them what stands in columns
        spaced = re.sub(
            r"(<text[^>]*>)([^<]*)(</text>)",
            lambda found: found[1] + found[2].replace(" ", "\u00a0") + found[3],
            text,
        )
        subprocess.run(
            command, input=spaced.encode(), check=True, capture_output=True, timeout=PATIENCE
        )
        return png
    else:
        return None
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return png


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=NAMES, action="append", help="just this one; repeatable")
    parser.add_argument("--png", action="store_true", help="PNG files, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        from vlmtui import demo

        os.environ["COLORTERM"] = "truecolor"
        os.environ.pop("NO_COLOR", None)
        os.environ["HOME"] = home  # no path of this machine in a picture
        pictures = Path(home, "pictures")
        pictures.mkdir()
        for sample in demo.sample_images():
            shutil.copy(sample, pictures)
        os.chdir(pictures)
        for name in arguments.only or NAMES:
            os.environ["VLMTUI_HOME"] = f"{home}/.vlmtui-{name}"  # its own chats only
            svg = draw(name)
            print(svg)
            if arguments.png:
                print(convert(svg) or "no converter found: install chromium or rsvg-convert")
    return 0


if __name__ == "__main__":
    sys.exit(main())
