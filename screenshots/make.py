"""Redraw the screenshots of the README: the real application with the real demo model.

    python screenshots/make.py [--only chat] [--png]

Runs without a terminal and writes `chat.svg`, `narrow.svg` and `help.svg` beside this file. With
`--png` it also writes PNG files, by the first converter that is there: chromium, rsvg-convert.
Nothing of the user's own chats is read or written.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

HERE = Path(__file__).resolve().parent
PATIENCE = 120.0
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
    await until(pilot, lambda: len(screen.query("Answer")) > before and not screen.figures.busy)


async def ready(pilot: Pilot[int]) -> None:
    """Wait for the model and the first figures of its memory."""
    screen = pilot.app.screen_stack[0]
    await until(pilot, lambda: screen.figures.info and screen.query("SidePane"))
    await until(pilot, lambda: screen.snapshot and screen.snapshot.engine_rss_bytes)


async def chat(pilot: Pilot[int]) -> None:
    """A picture in the chat, a question, a follow-up."""
    await ready(pilot)
    await ask(pilot, "What color is the circle? @shapes-1.png")
    await ask(pilot, "How many shapes are there?")
    await pilot.press(*"Describe", "space", *"the", "space", *"image.")
    await finish(pilot)


async def narrow(pilot: Pilot[int]) -> None:
    """The same at 80x24."""
    await ready(pilot)
    await ask(pilot, "Describe the image. @shapes-2.png")
    await finish(pilot)


async def show_help(pilot: Pilot[int]) -> None:
    """The keys, over an empty chat."""
    await ready(pilot)
    await pilot.press("f1")
    await finish(pilot)


async def finish(pilot: Pilot[int]) -> None:
    """Let pictures and memory figures settle."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(1.5)


SHOTS: dict[str, tuple[tuple[int, int], Shot]] = {
    "chat": ((120, 36), chat),
    "narrow": ((80, 24), narrow),
    "help": ((100, 30), show_help),
}


async def shoot(name: str) -> Path:
    """Run the application once and save its screen."""
    from vlmtui.chat.requests import load_request
    from vlmtui.settings import Settings
    from vlmtui.ui.launch import Backstage, make_app

    # greedy, so that the pictures stay the same
    settings = Settings(temperature=0.0)
    size, shot = SHOTS[name]
    backstage = Backstage(settings, load_request(settings, None, None), continue_last=False)
    app = make_app(backstage, settings)
    try:
        async with app.run_test(size=size) as pilot:
            await shot(pilot)
            path = HERE / f"{name}.svg"
            path.write_text(app.export_screenshot(title="vlmtui"), encoding="utf-8")
            await pilot.press("ctrl+q")
    finally:
        backstage.close()
    return path


def convert(svg: Path) -> Path | None:
    """Make a PNG of an SVG file, where a converter is installed."""
    png = svg.with_suffix(".png")
    view = svg.read_text(encoding="utf-8").partition('viewBox="0 0 ')[2].partition('"')[0]
    width, height = (round(float(number)) + 1 for number in view.split())
    if browser := shutil.which("chromium") or shutil.which("google-chrome"):
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--window-size={width},{height}", f"--screenshot={png}", svg.resolve().as_uri()),
        ]
    elif tool := shutil.which("rsvg-convert"):
        command = [tool, "--width", str(width), str(svg), "--output", str(png)]
    else:
        return None
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return png


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=SHOTS, action="append", help="just this one; repeatable")
    parser.add_argument("--png", action="store_true", help="PNG files, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        from vlmtui import demo

        os.environ["VLMTUI_HOME"] = home
        os.environ["COLORTERM"] = "truecolor"
        os.environ.pop("NO_COLOR", None)
        os.chdir(demo.sample_images()[0].parent)
        for name in arguments.only or SHOTS:
            svg = asyncio.run(shoot(name))
            print(svg)
            if arguments.png:
                print(convert(svg) or "no converter found: install chromium or rsvg-convert")
    return 0


if __name__ == "__main__":
    sys.exit(main())
