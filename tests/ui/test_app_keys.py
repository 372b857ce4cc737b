"""Keys, help and palette in the whole application."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.widgets import Input

from tests.fakes import answer
from tests.ui.conftest import Stage, answered, ask, ready, say, shown, type_text, until
from vlmtui.commands import specs
from vlmtui.terminal.pixel_app import PixelApp
from vlmtui.ui.screens.dialogs import chooser, palette
from vlmtui.ui.screens.dialogs.palette import PaletteScreen
from vlmtui.ui.screens.help_screen import HelpScreen

SIZE = (120, 36)


async def test_the_users_keys_send_and_begin_a_line(stage: Stage) -> None:
    stage.engine.script(*answer("Fine."))
    app = stage.app(keys={"composer.send": "ctrl+j", "composer.newline": "enter"})
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "one")
        await pilot.press("enter")
        await type_text(pilot, "two")
        assert screen.prompt.text == "one\ntwo"
        assert "Ctrl+J send" in shown(pilot)
        await pilot.press("ctrl+j")
        await until(pilot, lambda: stage.engine.requests)
        await answered(pilot)
    assert stage.engine.requests[0].messages[-1].text == "one\ntwo"


async def test_ctrl_z_suspends_where_no_text_is_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.engine.script(*answer("One."))
    suspended: list[App[None]] = []
    monkeypatch.setattr(PixelApp, "action_suspend", lambda app: suspended.append(app))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "What?")
        await type_text(pilot, "one")
        await pilot.press("ctrl+z")
        assert screen.prompt.text != "one" and not suspended
        await pilot.press("alt+up", "ctrl+z")
        await until(pilot, lambda: suspended == [pilot.app])


async def test_an_editing_key_can_be_changed(stage: Stage) -> None:
    async with stage.app(keys={"edit.undo": "alt+f12"}).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "one")
        await pilot.press("ctrl+z")
        assert screen.prompt.text == "one"
        await pilot.press("alt+f12")
        assert screen.prompt.text != "one"


async def test_a_key_that_can_not_be_used_is_told_with_file_and_advice(stage: Stage) -> None:
    app = stage.app(keys={"chat.stpo": "f5", "chat.stop": "ctrl+i", "app.quit": "alt+f10"})
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "chat.stop?" in shown(pilot))
        text = " ".join(shown(pilot).split())
        assert "config.toml" in text
        assert "as Tab" in text
        assert dict(app._keymap) == {"app.quit": "alt+f10"}


async def test_help_lists_the_keys_as_they_are_and_finds_them(stage: Stage) -> None:
    async with stage.app(keys={"chat.stop": "alt+f11"}).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Alt+F11" in shown(pilot))
        assert "Stop the answer" in shown(pilot)
        await type_text(pilot, "quit")
        await until(pilot, lambda: "Stop the answer" not in shown(pilot))
        assert "Ctrl+Q" in shown(pilot)
        assert "/quit" in shown(pilot)
        await pilot.press("escape")
        await type_text(pilot, "exit")
        await until(pilot, lambda: "Ctrl+Q" not in shown(pilot) and "/quit" in shown(pilot))
        await pilot.press("escape")
        await pilot.press("f1")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))


async def test_help_begins_with_what_a_newcomer_needs(stage: Stage) -> None:
    async with stage.app().run_test(size=(80, 200)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Editing the message" in shown(pilot))
        lines = [line.strip("│ ") for line in shown(pilot).splitlines()]
        headings = ("Writing", "Pictures", "Chat", "Everywhere", "Commands", "Editing the message")
        assert [line for line in lines if line in headings] == [*headings]
        keys = lines[lines.index("Chat") + 1 :]
        assert [key.split("  ")[0] for key in keys[:4]] == ["Esc", "Ctrl+O", "F8", "F2"]


async def test_help_scrolls_on_the_smallest_screen(stage: Stage) -> None:
    async with stage.app().run_test(size=(60, 15)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Esc close" in shown(pilot))
        assert "Redo" not in shown(pilot)
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "Redo" in shown(pilot))


async def test_help_over_a_list_shows_the_keys_of_the_list(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PaletteScreen))
        await pilot.press("f1")
        await until(pilot, lambda: "Help" in shown(pilot))
        assert "/regen" not in shown(pilot).partition("Type to search")[2].partition("Esc")[0]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PaletteScreen))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        *(("exit", "/quit"), ("quit", "/quit"), ("image", "/image"), ("photo", "/image")),
        *(("delete", "/delete"), ("remove", "/delete"), ("rename", "/rename"), ("clear", "/new")),
        *(("model", "/model"), ("dark", "/theme"), ("dark mode", "/theme"), ("gpu", "/monitor")),
        *(("speed", "/stats"), ("export", "/export"), ("save", "/export"), ("copy", "/copy")),
        *(
            ("retry", "/regen"),
            ("fork", "/edit"),
            ("download", "/models"),
            ("delete chat", "/trash"),
        ),
        *(("find", "/search"), ("zoom", "/crop"), ("temperature", "/set"), ("json", "/schema")),
    ],
)
def test_the_palette_finds_what_people_call_things(typed: str, found: str) -> None:
    rows = chooser.search(palette.choices({}, specs.of("screen")), typed)
    assert rows[0][0].value == found


async def test_the_palette_does_what_is_chosen(stage: Stage) -> None:
    stage.engine.script(*answer("Once."), *answer("Twice."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script(*answer("Once."))
        await ask(pilot, "go")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Ctrl+O" in shown(pilot))  # a key beside its command
        await type_text(pilot, "new")
        await pilot.press("enter")
        await until(pilot, lambda: not pilot.app.screen.query("Question"))


async def test_the_palette_puts_a_command_with_arguments_into_the_composer(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PaletteScreen))
        await type_text(pilot, "image")
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt.text == "/image ")
        await type_text(pilot, "x")
        assert screen.prompt.text == "/image x"


async def test_the_palette_runs_actions_of_the_screen(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PaletteScreen))
        await type_text(pilot, "help")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


@pytest.mark.parametrize("size", [(60, 15), (160, 48)])
async def test_the_palette_closes_without_doing_anything(
    stage: Stage, size: tuple[int, int]
) -> None:
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "kept")
        await pilot.press("ctrl+p")
        await type_text(pilot, "no such thing")
        await until(pilot, lambda: "Nothing by that name" in shown(pilot))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: "Nothing by that name" not in shown(pilot))
        assert pilot.app.screen is not screen  # what was typed goes first
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.prompt.text == "kept"


async def test_the_ids_are_listed_where_they_are_needed(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/keys")
        await until(pilot, lambda: "chat.stop" in shown(pilot))
        assert "config.toml" in shown(pilot)


async def test_f6_goes_to_the_next_pane_and_the_line_is_selected_elsewhere(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "one")
        composer = screen.prompt.query_one("Composer")
        await pilot.press("alt+l")
        assert composer.selected_text == "one"
        await pilot.press("f6")
        assert screen.focused is not composer


async def test_the_help_looks_up_the_command_that_it_is_given(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/help duplicate")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await until(pilot, lambda: "copy this chat" in shown(pilot))
        assert "/regen" not in shown(pilot)


async def test_what_a_command_does_stands_in_one_column_of_the_palette(stage: Stage) -> None:
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PaletteScreen))
        columns = set()
        for name, does in (("open", "open the newest"), ("pick", "look for"), ("pin", "pin this")):
            pilot.app.screen.query_one(Input).value = name
            await until(pilot, lambda does=does: does in shown(pilot))
            line = next(line for line in shown(pilot).splitlines() if does in line)
            columns.add(line.index(does) - line.index(f"/{name}"))
        assert len(columns) == 1
