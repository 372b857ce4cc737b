"""Every text can be read in every theme: WCAG's contrast of its colours, as they are on the screen.

The formulas are those of WCAG 2.1 (relative luminance, contrast ratio).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from textual.color import Color
from textual.pilot import Pilot
from textual.theme import Theme

from tests.fakes import answer
from tests.ui.conftest import SNAPSHOT, Stage, ask, ready, say, shown, until
from tests.ui.test_models_screen import FullShelf
from vlmtui.engine.engine_events import Trimmed
from vlmtui.ui.themes.theme_files import derived, load_themes

THEMES = {theme.name: theme for theme in load_themes().themes}
each_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)

TEXTS = (
    *("foreground", "text-dim", "primary", "secondary", "accent", "warning", "error", "success"),
    *("user-bar", "answer-bar", *(f"markdown-h{level}-color" for level in range(1, 7))),
)
GROUNDS = ("background", "surface", "panel")
TINTS = (("primary", 0.12), ("primary", 0.18), ("warning", 0.08), ("error", 0.1))
"""Grounds under a cursor and under notices: this much of a colour on the background."""

PAIRS = (
    ("block-cursor-foreground", "block-cursor-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("background", "primary"),
)
USED = {*TEXTS, *GROUNDS, *itertools.chain(*PAIRS), *(name for name, _ in TINTS)}


def needed(theme: Theme) -> float:
    return 7.0 if "contrast" in theme.name else 4.5


def linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(color: Color) -> float:
    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: Color, other: Color) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def variables(theme: Theme) -> dict[str, str]:
    colors = theme.to_color_system().generate()
    return {**colors, **derived(colors), **theme.variables}


def test_the_formula_agrees_with_known_ratios() -> None:
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#ffffff")) == pytest.approx(4.48, abs=0.01)


def test_there_is_a_theme_for_everyone() -> None:
    assert len(THEMES) >= 10
    contrasts = [theme for theme in THEMES.values() if "contrast" in theme.name]
    assert {theme.dark for theme in contrasts} == {True, False}


@each_theme
def test_every_colour_of_text_can_be_read_on_every_ground(theme: Theme) -> None:
    values = variables(theme)
    colors = {name: Color.parse(value) for name, value in values.items() if name in USED}
    grounds = {name: colors[name] for name in GROUNDS} | {
        f"{name} {share:.0%}": colors["background"].blend(colors[name], share)
        for name, share in TINTS
    }
    pairs = [
        *(((text, ground), colors[text], grounds[ground]) for text in TEXTS for ground in grounds),
        *((pair, colors[pair[0]], colors[pair[1]]) for pair in PAIRS),
    ]
    low = {
        names: round(ratio, 2)
        for names, front, back in pairs
        if (ratio := contrast(front, back)) < needed(theme)
    }
    assert low == {}


# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB
VISIONS = {
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def lab(color: Color, vision: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """CIELAB (D65) of a colour as it is seen."""
    channels = [linear(c) for c in (color.r, color.g, color.b)]
    red, green, blue = (
        min(max(sum(w * c for w, c in zip(row, channels, strict=True)), 0), 1) for row in vision
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("pair", [("user-bar", "answer-bar"), ("error", "success")])
def test_the_clear_theme_tells_its_colours_apart_for_every_eye(
    vision: str, pair: tuple[str, str]
) -> None:
    values = variables(THEMES["clear"])
    one, other = (lab(Color.parse(values[name]), VISIONS[vision]) for name in pair)
    assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 25


def unreadable(pilot: Pilot[int], least: float) -> dict[tuple[str, str, str], float]:
    """Words on the screen whose colours are too close, with their contrast.

    What is below a modal screen is dimmed, and left out.
    """
    found = {}
    screen = pilot.app.screen
    area = screen.children[0].region if screen.is_modal else screen.region
    strips = screen._compositor.render_strips()[area.y : area.bottom]
    for strip in strips:
        for text, style, _ in strip.crop(area.x, area.right):
            if style is None or not any(letter.isalnum() for letter in text):
                continue
            assert style.color is not None and style.bgcolor is not None, text
            front, back = (Color.from_rich_color(c) for c in (style.color, style.bgcolor))
            if style.dim or (ratio := contrast(front, back)) < least:
                found[text.strip(), front.hex, back.hex] = round(ratio, 2)
    return found


ANSWER = """# Heading

The circle is **red**, *left* of `a.png`, see [there](https://example.org).

> quoted

1. one

| a | b |
|---|---|
| 1 | 2 |

```python
def shapes(n: int = 1) -> list[str]:  # how many
    return ["circle"] * n
```
"""


async def test_every_word_on_the_screen_can_be_read_in_every_theme(stage: Stage) -> None:
    stage.picture()
    app = stage.app()
    async with app.run_test(size=(120, 60), notifications=True) as pilot:
        screen = await ready(pilot)
        screen.snapshot = SNAPSHOT
        stage.engine.script(Trimmed(dropped=2, images=1), *answer(ANSWER))
        await ask(pilot, "What is it? @scene.png")
        await say(pilot, "/nonsense")
        await until(pilot, lambda: "no command /nonsense" in shown(pilot))
        for severity in ("information", "warning", "error"):
            app.notify("A theme can't be used", title=severity, severity=severity, timeout=999)
        await until(pilot, lambda: "information" in shown(pilot))
        await check(pilot)


async def check(pilot: Pilot[int]) -> None:
    """Look at what is on the screen, in each theme."""
    for name, theme in THEMES.items():
        pilot.app.theme = name
        await pilot.pause()
        assert (name, unreadable(pilot, needed(theme))) == (name, {})


STATES: Sequence[tuple[str, Sequence[str], str]] = (
    ("", ("f1",), "Type to search"),
    ("", ("ctrl+p", "i", "m"), "/image"),
    ("", ("/", "down"), "attach pictures"),
    ("", ("@", "down", "down"), "garden/"),
    ("", ("ctrl+o", "end"), "yard/"),
    ("", ("alt+up",), "copy"),
    ("", ("f2",), "too big"),
    ("/models", ("enter", "down", "down"), "damaged"),
    ("/models", ("enter", *"gemma", "enter"), "Download gemma"),
    ("", ("f3",), "Esc"),
    ("", ("f4",), "Today"),
    ("", ("ctrl+f", *"circle"), "What is a"),
    ("", ("ctrl+f", *"zebra"), "start like this"),
    ("", ("ctrl+r",), "What is a circle"),
    ("/theme", ("enter",), "amber"),
    ("/set", ("enter",), "temperature"),
    ("/stats", ("enter",), "tok/s"),
    ("/system", ("enter",), "System prompt"),
    ("/edit", ("enter",), "earlier question"),
    ("What? @https://example.org/cat.jpg", ("enter",), "example.org?"),
)
"""What is typed at once, the keys after it, and what shows that it is there."""


@pytest.mark.parametrize(("line", "keys", "there"), STATES, ids=[there for *_, there in STATES])
async def test_every_word_of_what_lies_over_the_chat_can_be_read(
    stage: Stage, line: str, keys: Sequence[str], there: str
) -> None:
    for name in ("one.png", "garden/rose.png", "yard/gate.png"):
        stage.picture(name)
    available_models = FullShelf()
    stage.available_models = lambda: available_models
    async with stage.app().run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "What is a circle? @one.png")
        if line:
            screen.prompt.text = line
        await pilot.press(*keys)
        await until(pilot, lambda: there in shown(pilot))
        await pilot.pause()
        low = {}
        for name in ("contrast-dark", "vlmtui-light", "mono", "vlmtui-dark"):
            pilot.app.theme = name
            await pilot.pause()
            if found := unreadable(pilot, needed(THEMES[name])):
                low[name] = found
        assert low == {}
