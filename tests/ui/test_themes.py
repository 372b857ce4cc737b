from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.conftest import Stage, ready, shown
from vlmtui.ui.themes import LoadedThemes, ThemeFailure, load_themes


def test_the_shipped_themes_are_found_and_sound() -> None:
    loaded = load_themes()
    assert {"vlmtui-dark", "vlmtui-light"} <= {theme.name for theme in loaded.themes}
    assert loaded.failures == ()
    assert {theme.dark for theme in loaded.themes} == {True, False}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('name = "x"\n[colors]\nprimary = "#12"', "colors.primary = '#12' is not a colour"),
        ('name = "x"\n[colors]\nprimary = "red"\nprimry = "red"', "primry"),
        ('name = "x"\n[colors]\naccent = "red"', "primary"),
        ('name = "x"\n[colors]\nprimary = "red"\n[variables]\na = "#zz"', "variables.a"),
        ("name = ", "valid"),
        ("\xff", "nvalid"),
    ],
)
def test_a_broken_theme_is_reported_and_the_others_work(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "broken.toml").write_text(content, "latin-1")
    (tmp_path / "good.toml").write_text('name = "good"\n[colors]\nprimary = "#ff0000"')
    loaded = load_themes(tmp_path)
    assert "good" in {theme.name for theme in loaded.themes}
    (failure,) = loaded.failures
    assert failure.path == tmp_path / "broken.toml"
    assert reason in failure.reason


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
