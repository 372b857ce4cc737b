"""The screen of all models: found, put in order, looked into, deleted, chosen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from tests.ui.conftest import TIMEOUT, Stage, ready, say, screen_of, shown, type_text, until
from tests.ui.test_chat_models import MODELS, VERDICTS, FakeShelf, fit_verdict
from vlmtui.chat.fit_verdict import FitVerdict, of_problem
from vlmtui.chat.model_choice import Choice, Choices
from vlmtui.engine.engine_events import Adjusted
from vlmtui.errors import BadModelFile, InputError, LoadFailed, PullError, VlmtuiError
from vlmtui.models.catalog import Entry
from vlmtui.models.download.events import Cancelled, Event, Finished, Plan, Progress, Resolved
from vlmtui.models.download.pull import Pull
from vlmtui.models.fit import Machine
from vlmtui.models.installed import BrokenModel, Discovery, InstalledModel
from vlmtui.models.removal import Removal
from vlmtui.ui.screens.models import model_rows
from vlmtui.ui.screens.models.models_screen import ModelsScreen

SIZE = (120, 36)


def choices(*gone: str) -> Choices:
    here = [
        Choice(
            model.name, model, None, fit_verdict(VERDICTS.get(model.name, "yes"), model.size_bytes)
        )
        for model in MODELS
        if model.name not in gone
    ]
    here.append(
        Choice(
            "cut off",
            InstalledModel("cut off", Path("/m/cut.gguf"), None, "own", 1_000),
            fit_verdict=of_problem(BadModelFile("cut.gguf ends too early", "Fetch it again")),
        )
    )
    gemma = Entry(
        *("gemma-3-4b", "Gemma 3 4B", "conversation in many languages", "ggml-org/gemma", ["*"]),
        size=2_490_000_000,
        licence="Gemma terms",
        terms="conditions",
        note="A [b]note[/b] of it.",
    )
    vila = Entry("vila1.5-3b", imported=True, note="Convert it first.", parameters=3_000_000_000)
    away = (
        Choice(gemma.name, None, gemma, fit_verdict("tight", 3_100_000_000)),
        Choice(vila.name, None, vila, fit_verdict("no", 3_100_000_000)),
    )
    broken = BrokenModel("broken", Path("/m/broken.gguf"), "own", "it is no GGUF file", "Delete it")
    machine = Machine(4_000_000_000, 8_000_000_000)
    return Choices(tuple(here), away, Discovery(MODELS, (broken,)), machine)


class FullShelf(FakeShelf):
    """With a catalogue, and with models that can be deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: list[str] = []
        self.pulls: list[FakePull] = []
        self.script: tuple[object, ...] = ()
        self.outlook_of_pulls = FitVerdict(words="it fits")

    def choices(self) -> Choices:
        if self.failure is not None:
            raise self.failure
        return choices(*self.gone)

    def removal(self, name: str) -> Removal:
        (model,) = (model for model in MODELS if model.name == name)
        if model.source == "ollama":
            raise InputError(f"{name} is not vlmtui's to delete", "`ollama rm` deletes it.")
        return Removal(model, (model.path,), 2_800_000_000)

    def remove(self, planned: Removal) -> None:
        self.gone.append(planned.model.name)

    def pull(self, wanted: str, *, model: str = "", mmproj: str = "") -> Pull:
        made = FakePull(wanted, self.script)
        self.pulls.append(made)
        return made

    def expected(self, plan: Plan) -> FitVerdict:
        return self.outlook_of_pulls


class FakePull(Pull):
    """Tells what it was told to tell; at a gate it waits, and can be cancelled."""

    def __init__(self, wanted: str, script: tuple[object, ...]) -> None:
        self.wanted = wanted
        self._script = script
        self._stopped = threading.Event()
        self.gate = threading.Event()

    def cancel(self) -> None:
        self._stopped.set()
        self.gate.set()

    def run(self) -> Iterator[Event]:
        for step in self._script:
            if self._stopped.is_set():
                yield Cancelled(1, 2)
                return
            if step is WAIT:
                assert self.gate.wait(TIMEOUT)
            elif isinstance(step, VlmtuiError):
                raise step
            else:
                yield step


WAIT = object()
PLAN = Plan("gemma-3-4b", "gemma-3-4b", (), Path("/hub"))
HALF = Progress("gemma.gguf", 1, 2, 12e6, 185.0, 1, 2)


@pytest.fixture
def available_models(stage: Stage) -> FullShelf:
    made = FullShelf()
    stage.available_models = lambda: made
    return made


async def opened(pilot: Pilot[int]) -> ModelsScreen:
    await ready(pilot)
    await say(pilot, "/models")
    await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    await until(pilot, lambda: screen.row is not None)
    return screen


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_what_is_here_and_what_could_be_had_stand_together(
    stage: Stage, available_models: FullShelf, size: tuple[int, int]
) -> None:
    async with stage.app().run_test(size=size) as pilot:
        await opened(pilot)
        lines = shown(pilot).splitlines()
        for name, word in (("● fake", "fits"), ("· qwen2.5-vl-3b", "tight"), ("gemma", "tight")):
            assert any(name in line and word in line for line in lines), name
        assert all(len(line) <= size[0] for line in lines)
        assert "4.0 GB of memory free" in shown(pilot)


async def test_typing_finds_models_by_all_that_is_known_of_them(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_text(pilot, "languages")
        await until(pilot, lambda: screen.row is not None and screen.row.name == "gemma-3-4b")
        assert "qwen" not in shown(pilot)
        text = shown(pilot)
        assert "Gemma terms (with" in text
        assert "A [b]note[/b] of it." in text
        await type_text(pilot, "zzz")
        await until(pilot, lambda: "No model matches" in shown(pilot))


async def test_a_name_that_is_written_out_is_meant_before_those_that_contain_it(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        for name in ("gemma-3-4b", "GEMMA-3-4B-it-F16"):
            screen._known = (*screen._known, Choice(name + "-it", MODELS[1]), Choice(name))
        await type_text(pilot, "gemma-3-4b")
        await until(pilot, lambda: screen.row is not None and screen.row.name == "gemma-3-4b")


def test_letters_from_all_over_a_name_count_only_where_nothing_else_is_found() -> None:
    rows = [Choice(name) for name in ("my-qwen3", "qwen2.5-vl-3b", "qwen3-vl-2b")]

    def found(query: str) -> list[str]:
        return [row.name for row in model_rows.chosen(rows, query, "name")]

    assert found("Qwen3 ") == ["qwen3-vl-2b", "my-qwen3"]
    assert found("qw25") == ["qwen2.5-vl-3b"]
    assert found("") == [row.name for row in rows]


async def test_the_list_is_ordered_by_name_size_or_fit(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        names = [row.name for row in screen.rows]
        assert names == [
            *("cut off", "fake", "llava:7b", "qwen2.5-vl-3b", "tiny[b]text"),
            *("gemma-3-4b", "vila1.5-3b"),
        ]
        await pilot.press("f5")
        assert [row.name for row in screen.rows][:3] == ["cut off", "fake", "tiny[b]text"]
        await pilot.press("f5")
        assert [row.fit_verdict.word for row in screen.rows] == [
            *("fits", "fits", "tight", "too big", "damaged", "tight", "too big")
        ]


async def test_details_take_the_place_of_the_list_on_the_smallest_screen(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=(60, 15)) as pilot:
        await opened(pilot)
        await type_text(pilot, "gemma")
        await pilot.press("f6")
        await until(pilot, lambda: "conversation in many languages" in shown(pilot))
        assert "F6 list" in shown(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: "F6 details" in shown(pilot))


async def test_enter_has_the_chat_answered_by_the_model(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "tight" in shown(pilot))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
        await until(pilot, lambda: "gemma" in shown(pilot))
        await type_text(pilot, "qwen")
        await pilot.press("enter")
        await until(pilot, lambda: "Switched to qwen2.5-vl-3b" in shown(pilot))


async def test_a_model_is_deleted_after_asking(stage: Stage, available_models: FullShelf) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await type_text(pilot, "qwen")
        await pilot.press("f8")
        await until(pilot, lambda: "Delete qwen2.5-vl-3b? That frees 2.8 GB." in shown(pilot))
        await pilot.press("n")
        await until(pilot, lambda: "That frees" not in shown(pilot))
        assert not available_models.gone
        await pilot.press("f8")
        await until(pilot, lambda: "That frees" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "qwen2.5-vl-3b is deleted, 2.8 GB freed" in shown(pilot))
    assert available_models.gone == ["qwen2.5-vl-3b"]


async def test_what_is_not_ours_or_answers_now_is_not_deleted(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_text(pilot, "llava")
        await pilot.press("f8")
        await until(pilot, lambda: "`ollama rm` deletes it" in shown(pilot))
        screen.query_one("Input").value = "fake"
        await pilot.pause()
        await pilot.press("f8")
        await until(pilot, lambda: "fake is in use" in shown(pilot))
        await pilot.press("escape")  # what was typed goes first
        await until(pilot, lambda: not screen.query_one("Input").value)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
    assert not available_models.gone


async def test_settings_that_can_not_be_read_are_told(
    stage: Stage, available_models: FullShelf
) -> None:
    available_models.failure = VlmtuiError("The settings [b] are wrong", "Correct them")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/models")
        await until(pilot, lambda: "The settings [b] are wrong" in shown(pilot))


async def test_a_model_is_fetched_while_one_chats(
    stage: Stage, available_models: FullShelf
) -> None:
    available_models.script = (Resolved(PLAN), HALF, WAIT, Finished("gemma-3-4b", (), 2))
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await type_text(pilot, "gemma")
        await pilot.press("enter")
        await until(pilot, lambda: "Download gemma-3-4b, 2.5 GB?" in shown(pilot))
        await pilot.press("y")
        told = "50 % · 12 MB/s · 3 min 5 s"
        await until(pilot, lambda: f"↓ {told}" in shown(pilot))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: f"↓ gemma-3-4b {told}" in shown(pilot))
        await say(pilot, "one")
        await until(pilot, lambda: "Yes." in shown(pilot))
        available_models.pulls[0].gate.set()
        await until(pilot, lambda: "gemma-3-4b is installed" in shown(pilot))
        assert "↓" not in shown(pilot)


async def test_fetching_can_be_stopped_and_begun_again(
    stage: Stage, available_models: FullShelf
) -> None:
    available_models.script = (Resolved(PLAN), HALF, WAIT, HALF)
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await type_text(pilot, "gemma")
        for _ in range(2):
            await pilot.press("enter")
            await until(pilot, lambda: "Download gemma-3-4b" in shown(pilot))
            await pilot.press("y")
            await until(pilot, lambda: "F9 stop download" in shown(pilot))
            await until(pilot, lambda: "50 %" in shown(pilot))
            await pilot.press("f9")
            await until(pilot, lambda: "gemma-3-4b: stopped" in shown(pilot))


async def test_what_will_not_fit_is_fetched_only_after_asking_again(
    stage: Stage, available_models: FullShelf
) -> None:
    available_models.script = (Resolved(PLAN), HALF, Finished("gemma-3-4b", (), 2))
    damaged = BadModelFile("the file is of an unknown kind")
    available_models.outlook_of_pulls = FitVerdict(words="it can't be loaded", problem=damaged)
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await type_text(pilot, "gemma")
        for answer in "ny":
            await pilot.press("enter")
            await until(pilot, lambda: "Download gemma-3-4b, 2.5 GB?" in shown(pilot))
            await pilot.press("y")
            await until(pilot, lambda: "Download it anyway?" in shown(pilot))
            await pilot.press(answer)
            end = "here" if answer == "y" else "stopped"
            await until(pilot, lambda end=end: f"gemma-3-4b: {end}" in shown(pilot))


async def test_a_download_that_fails_says_what_to_do(
    stage: Stage, available_models: FullShelf
) -> None:
    available_models.script = (PullError("The Hub [b] can't be reached", "Try again later"),)
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await type_text(pilot, "gemma")
        await pilot.press("enter")
        await until(pilot, lambda: "Download gemma" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "The Hub [b] can't be reached. Try again" in shown(pilot))


async def test_where_nothing_makes_a_model_fit_another_one_is_named(
    stage: Stage, available_models: FullShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script_load(
            Adjusted("llava:7b needs 7.3 GB, 4.0 GB are free", ""), LoadFailed("Out of memory")
        )
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "/model tiny[b]text takes the largest" in shown(pilot))
        assert "It is loaded anyway" in shown(pilot)


def test_a_row_fits_into_any_width_and_shows_foreign_names_as_text() -> None:
    (gemma, *_) = choices().elsewhere
    odd = msgspec.structs.replace(gemma, name="a\x1b[31m" + "x" * 200)
    for width in (16, 40, 200):
        text = model_rows.line(odd, width, model_rows.widest([odd], width), "", {})
        assert text.cell_length <= width
        assert "\x1b" not in text.plain
