from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ui.conftest import Stage, ready, say, screen_of, shown, type_text, until
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.dialogs.theme_picker import ThemePicker
from vlmtui.ui.themes.theme_files import LoadedThemes, ThemeFailure, load_themes


def test_the_shipped_themes_are_found_and_sound() -> None:
    loaded = load_themes()
    assert {"vlmtui-dark", "vlmtui-light"} <= {theme.name for theme in loaded.themes}
    assert loaded.failures == ()
    assert {theme.dark for theme in loaded.themes} == {True, False}


COLOURS = ("}", "bananas", "", "auto", "ansi_red", "ansi_default", "#12345678", "transparent")
VARIABLES = ("}", "{", "red; color: blue", "/*", "bananas", "", "12", "$text-dim", "rgb(1,2")
STYLES = ("bananas", "", "bold", "not bold", "#fff")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("}", "red"),
        *(("background", value) for value in COLOURS),
        *(("text-dim", value) for value in (*VARIABLES, "auto 50%", "#fff 200%", "red\\nblue")),
        *(("link-style", value) for value in STYLES),
    ],
)
async def test_a_theme_is_refused_or_can_be_used(
    tmp_path: Path, stage: Stage, key: str, value: str
) -> None:
    if key == "background":
        lines = ['primary = "red"', f'background = "{value}"']
    else:
        lines = ['primary = "red"', "[variables]", f'"{key}" = "{value}"']
    (tmp_path / "odd.toml").write_text("\n".join(['name = "odd"', "[colors]", *lines]))
    loaded = load_themes(tmp_path)
    if not loaded.failures:
        async with stage.app(themes=loaded, theme="odd").run_test(size=(120, 36)) as pilot:
            await ready(pilot)
            assert pilot.app.theme == "odd"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('name = "x"\n[colors]\nprimary = "#12"', "line 3: colors.primary = '#12' is not a colour"),
        (
            'name = "x"\n[colors]\nprimary = "red"\nprimry = "red"',
            "colors: there is no key `primry`",
        ),
        (
            'name = "x"\n\n[ colors ]\n"primary" = 3',
            "line 4: colors.primary: expected text",
        ),
        ("name = 'x'\ncolors = 5", "line 2: colors: expected a table, got a whole number"),
        ("name = ''\n[colors]\nprimary = 'red'", "line 1: name: "),
        ("[colors]\nprimary = 'red'", "the key `name` is missing"),
        ('name = "x"\n[colors]\naccent = "red"', "line 2: colors: the key `primary` is missing"),
        ('name = "x"\n[colors]\nprimary = "red"\n[variables]\na = "#zz"', "line 5: variables.a"),
        ('name = "x"\n[colors]\nprimary = "red"\n[variables]\na = 1', "line 4: "),
        ('name = "x"\n[colors]\nprimary = "red" "', "line 3"),
        ("name = ", "not valid TOML"),
        ("x = " + "[" * 10_000, "nested too deeply"),
        ("\xff", "it is not UTF-8 text"),
    ],
)
def test_a_broken_theme_is_reported_and_the_others_work(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "broken.toml").write_text(content, "latin-1")
    good = 'name = "good"\n[colors]\nprimary = "#ff0000"'
    (tmp_path / "good.toml").write_text(good, "utf-8-sig")
    loaded = load_themes(tmp_path)
    assert "good" in {theme.name for theme in loaded.themes}
    (failure,) = loaded.failures
    assert failure.path == tmp_path / "broken.toml"
    assert reason in failure.reason


def test_what_is_no_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    loaded = load_themes(tmp_path)
    assert [failure.path.name for failure in loaded.failures] == ["pipe.toml", "zero.toml"]
    assert all("not a regular file" in failure.reason for failure in loaded.failures)


def test_some_of_the_shipped_themes_can_be_read_and_all_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "own"\n[colors]\nprimary = "#ff0000"')
    loaded = load_themes(tmp_path, shipped={"vlmtui-dark", "gone"})
    assert [theme.name for theme in loaded.themes] == ["vlmtui-dark", "own"]
    assert not loaded.complete


def test_a_shipped_theme_lies_in_a_file_of_its_name() -> None:
    for theme in load_themes().themes:
        assert theme.name in {each.name for each in load_themes(shipped={theme.name}).themes}


async def test_themes_that_the_first_paint_did_not_need_are_there_afterwards(stage: Stage) -> None:
    app = stage.app(themes=load_themes(shipped={"vlmtui-dark"}))
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await until(
            pilot, lambda: {theme.name for theme in load_themes().themes} <= {*app.theme_names}
        )


async def test_a_broken_theme_is_told_once(stage: Stage) -> None:
    failure = ThemeFailure(Path("/themes/[red]broken.toml"), "it is [bold]wrong")
    themes = LoadedThemes(load_themes().themes, (failure,))
    async with stage.app(themes=themes).run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        assert "[red]broken.toml" in shown(pilot)


async def test_an_unknown_theme_falls_back_to_the_default(stage: Stage) -> None:
    app = stage.app(theme="no-such")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        assert app.theme == "vlmtui-dark"
        assert "There is no theme" in shown(pilot)


async def test_a_theme_of_textual_has_all_colours_that_we_use(stage: Stage) -> None:
    async with stage.app(theme="nord").run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        assert "ready" in shown(pilot)


USER_THEME = 'name = "mine"\n[colors]\nprimary = "{}"\n'


async def test_a_theme_is_seen_while_it_is_highlighted_and_kept_when_it_is_chosen(
    stage: Stage, tmp_path: Path
) -> None:
    memory = Memory(tmp_path / "screen.json")
    app = stage.app(memory=memory, theme="")
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        assert app.theme == "vlmtui-dark"
        await say(pilot, "/theme")
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await until(pilot, lambda: "vlmtui-dark" in shown(pilot))
        await type_text(pilot, "paper")
        await until(pilot, lambda: app.theme == "paper")
        await pilot.press("escape", "escape")  # what was typed goes first
        await until(pilot, lambda: app.screen is screen_of(pilot))
        assert app.theme == "vlmtui-dark"
        await say(pilot, "/theme")
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await until(pilot, lambda: "vlmtui-dark" in shown(pilot))
        await pilot.press("up")
        assert app.theme != "vlmtui-dark"
        chosen = app.theme
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen_of(pilot))
        assert app.theme == chosen
    memory.save()
    again = stage.app(memory=Memory(tmp_path / "screen.json"), theme="")
    async with again.run_test(size=(120, 36)):
        assert again.theme == chosen


async def test_a_theme_is_chosen_by_name(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await say(pilot, "/theme fjord")
        await until(pilot, lambda: app.theme == "fjord")
        await say(pilot, "/theme fjrd")
        await until(pilot, lambda: "There is no theme fjrd" in shown(pilot))
        assert app.theme == "fjord"


async def test_the_theme_of_the_settings_goes_before_the_one_chosen_last(stage: Stage) -> None:
    memory = Memory()
    memory.change(theme="paper")
    app = stage.app(memory=memory, theme="fjord")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        assert app.theme == "fjord"
        await say(pilot, "/theme ember")
        await until(pilot, lambda: "The settings name fjord" in shown(pilot))


async def test_a_remembered_theme_that_is_gone_is_no_matter(stage: Stage) -> None:
    memory = Memory()
    memory.change(theme="gone")
    app = stage.app(memory=memory, theme="")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        assert app.theme == "vlmtui-dark"
        assert "There is no theme" not in shown(pilot)


async def test_without_colour_the_theme_is_one_that_needs_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = stage.app(theme="")
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        assert app.theme == "mono"


def told(app: VlmtuiApp) -> str:
    """What is notified; on the screen it is wrapped, the longer the path the more."""
    return "\n".join(notification.message for notification in app._notifications)


async def test_an_edited_theme_is_seen_at_once(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "themes" / "mine.toml"
    file.parent.mkdir()
    file.write_text(USER_THEME.format("#ff0000"))
    app = stage.app(theme="mine", theme_directory=file.parent)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        assert app.current_theme.primary == "#ff0000"
        file.write_text(USER_THEME.format("#00ff00aa"))
        await until(pilot, lambda: app.theme_variables["primary"].startswith("#00F"))
        file.write_text(USER_THEME.format("#00f0"), "utf-8")
        (file.parent / "broken.toml").write_text("name = ")
        await until(pilot, lambda: "broken.toml" in told(app))
        file.write_text(USER_THEME.format("nonsense"))
        await until(pilot, lambda: "line 3: " in told(app))
        file.unlink()  # it stays in use
        await pilot.pause(0)
        assert app.theme == "mine"
