"""Downloads on the screen of all models, by the real downloader from a Hub on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.engine.zoo.pictures import paint
from tests.models.conftest import hub
from tests.models.hub import Hub, cut_after, model_bytes, refuses, spoiled, tower_bytes
from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, type_text, until
from vlmtui import demo, paths
from vlmtui.chat.available_models import AvailableModels
from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.chat.requests import load_request
from vlmtui.commands.outcomes import Pull as WantedPull
from vlmtui.models import library, search
from vlmtui.models.download.coordinator import Pulls
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.fit import Machine
from vlmtui.settings import Settings
from vlmtui.ui.launch import make_app
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.chat.pulls_topic import PullsTopic
from vlmtui.ui.screens.dialogs.file_picker import FilePicker
from vlmtui.ui.screens.models.models_screen import ModelsScreen

__all__ = ["hub"]

SIZE = (120, 36)
TINY = "acme/Tiny-VL-GGUF"
MODEL, TOWER = model_bytes(), tower_bytes()
QUICK = RetryPolicy(tries=3, first_tries=2, base_s=0.01, most_s=0.05, timeout_s=10)


class QuickModels(AvailableModels):
    """The real one on a board of some size, that waits shortly between tries."""

    def __init__(self, free: int = 8_000_000_000) -> None:
        super().__init__(Settings())
        self._free = free

    def machine(self) -> Machine:
        return Machine(self._free, 8_000_000_000)

    def pull(self, wanted: str, *, model: str = "", mmproj: str = "") -> Pull:
        return Pull(wanted, model=model, mmproj=mmproj, policy=QUICK)


@pytest.fixture
def tiny(hub: Hub, stage: Stage) -> Hub:
    """A Hub with one model and its tower, and a screen that knows it."""
    hub.put(TINY, tiny_Q4_K_M__gguf=MODEL, mmproj_tiny_f16__gguf=TOWER)
    available_models = QuickModels()
    stage.available_models = lambda: available_models
    return hub


def pulls_of(chat: ChatScreen) -> Pulls:
    """The downloads behind a chat."""
    topic = chat.topics.commands.shows[WantedPull].__self__
    assert isinstance(topic, PullsTopic)
    return topic.pulls


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.incomplete") if path.stat().st_size]


async def opened(pilot: Pilot[int]) -> ModelsScreen:
    await ready(pilot)
    await say(pilot, "/models")
    await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    await until(pilot, lambda: screen.row is not None)
    return screen


async def fetch(pilot: Pilot[int], wanted: str) -> None:
    """Type what is meant, and say that it shall be fetched."""
    pilot.app.screen.query_one("Input").value = wanted
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: f"Download {wanted}" in shown(pilot))
    await pilot.press("y")


async def test_a_model_comes_while_one_chats_with_cuts_in_the_line_and_answers_then(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    model, tower = demo.model_path().read_bytes(), demo.mmproj_path().read_bytes()
    hub.put("ggml-org/gemma-3-4b-it-GGUF", **{"gemma-3-4b-it-Q4_K_M.gguf": model})
    hub.put("ggml-org/gemma-3-4b-it-GGUF", **{"mmproj-model-f16.gguf": tower})
    hub.sends += [cut_after(500_000), refuses(503, Retry_After="0"), cut_after(300_000)]
    hub.hold_at = 1_500_000
    settings = Settings(temperature=0.0, max_tokens=8)
    runtime = ChatRuntime(settings, load_request(settings), continue_last=False)
    try:
        async with make_app(runtime, settings).run_test(size=SIZE) as pilot:
            await opened(pilot)
            await fetch(pilot, "gemma-3-4b")
            await until(pilot, lambda: parts(tmp_path) and hub.holding.is_set())
            await pilot.press("escape", "escape")  # what was typed goes first
            await until(pilot, lambda: "↓ gemma-3-4b" in shown(pilot))
            await ask(pilot, "Hello")
            assert len(screen_of(pilot).topics.session().transcript()) == 2
            hub.go_on.set()
            await until(pilot, lambda: "gemma-3-4b is installed" in shown(pilot))
            await say(pilot, "/model gemma-3-4b")
            await until(pilot, lambda: "Switched to gemma-3-4b" in shown(pilot))
            await ask(pilot, "Hello again")
            last = screen_of(pilot).topics.session().transcript()[-1]
            assert (last.model, last.status) == ("gemma-3-4b", "complete")
            await pilot.press("ctrl+q")
    finally:
        runtime.close()
    found = library.resolve("gemma-3-4b")
    assert found.path.read_bytes() == model
    assert found.mmproj is not None
    assert found.mmproj.read_bytes() == tower


async def test_a_checkpoint_is_fetched_and_imported_and_answers_about_a_picture(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors", reason="the extra awq is not installed")
    from tests.models.convert import checkpoints

    monkeypatch.delenv("TMUX", raising=False)
    made = checkpoints.vila(tmp_path / "checkpoint", tower_layers=2, units=16)
    hub.put_folder("Efficient-Large-Model/VILA1.5-3b-AWQ", made.folder)
    picture = paint(tmp_path, 1, 100, 60)
    settings = Settings(temperature=0.0, max_tokens=8)
    runtime = ChatRuntime(settings, load_request(settings), continue_last=False)
    try:
        async with make_app(runtime, settings).run_test(size=SIZE) as pilot:
            await opened(pilot)
            await fetch(pilot, "vila1.5-3b")
            await until(pilot, lambda: "vila1.5-3b: here" in shown(pilot))
            await pilot.press("escape")
            await say(pilot, "/model vila1.5-3b")
            await until(pilot, lambda: "Switched to vila1.5-3b" in shown(pilot))
            await ask(pilot, f"What is this? @{picture}")
            last = screen_of(pilot).topics.session().transcript()[-1]
            assert (last.model, last.status) == ("vila1.5-3b", "complete")
            await pilot.press("ctrl+q")
    finally:
        runtime.close()
    folder = paths.models_dir() / "vila1.5-3b"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["mmproj-vila1.5-3b.gguf", "vila1.5-3b.gguf"]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_of_several_files_one_is_chosen_from_a_list_with_sizes_and_verdicts(
    stage: Stage, tiny: Hub, size: tuple[int, int]
) -> None:
    tiny.put(TINY, tiny_Q8_0__gguf=model_bytes(5_000_000, seed=3))
    async with stage.app().run_test(size=size) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePicker))
        await until(pilot, lambda: "Enter download it" in shown(pilot))
        await until(pilot, lambda: shown(pilot).count("fits") == 2)
        lines = shown(pilot).splitlines()
        assert all(len(line) <= size[0] for line in lines)
        assert any("tiny_Q4_K_M.gguf" in line and "3 MB" in line for line in lines)
        assert any("tiny_Q8_0.gguf" in line and "5 MB" in line for line in lines)
        await type_text(pilot, "q8")
        await pilot.press("enter")
        await until(pilot, lambda: "tiny_Q8_0: here" in shown(pilot))
    found = library.resolve("tiny_Q8_0")
    assert found.path.stat().st_size == 5_000_000
    assert found.mmproj is not None
    assert not any("Q4_K_M" in asked.path for asked in tiny.of_kind("GET", "cdn")[-2:])


async def test_of_several_towers_one_or_none_is_chosen_and_one_that_does_not_go_says_so(
    stage: Stage, tiny: Hub
) -> None:
    tiny.put(TINY, mmproj_tiny_Q8_0__gguf=tower_bytes(700_000, seed=4))
    tiny.put(TINY, mmproj_broken__gguf=b"no GGUF at all" * 100)
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: "Which vision tower" in shown(pilot))
        await until(pilot, lambda: shown(pilot).count("fits") == 2)
        assert any("mmproj_broken" in line and "damaged" in line for line in lines(pilot))
        assert "text only" in shown(pilot)
        await type_text(pilot, "none")
        await pilot.press("enter")
        await until(pilot, lambda: "tiny_Q4_K_M: here" in shown(pilot))
    assert library.resolve("tiny_Q4_K_M").mmproj is None


def lines(pilot: Pilot[int]) -> list[str]:
    return shown(pilot).splitlines()


async def test_whoever_chooses_none_of_the_files_fetches_none(
    stage: Stage, tiny: Hub, tmp_path: Path
) -> None:
    tiny.put(TINY, tiny_Q8_0__gguf=model_bytes(5_000_000, seed=3))
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePicker))
        await pilot.press("escape")
        await until(pilot, lambda: f"hf:{TINY}: stopped" in shown(pilot))
        assert isinstance(pilot.app.screen, ModelsScreen)
    assert not parts(tmp_path)


async def test_a_question_waits_for_the_screen_and_holds_no_other_download_up(
    stage: Stage, tiny: Hub
) -> None:
    available_models = QuickModels(free=60_000_000)
    stage.available_models = lambda: available_models
    for name in ("one", "two"):
        tiny.put(f"acme/{name}", a_Q4__gguf=MODEL, b_Q8__gguf=MODEL)
    async with stage.app().run_test(size=SIZE) as pilot:
        pulls = pulls_of(await ready(pilot))
        for name in ("one", "two"):
            pulls.start(f"hf:acme/{name}")
        told = "several files may be meant"
        await until(pilot, lambda: all(state.question for state in pulls.running))
        await until(pilot, lambda: told in shown(pilot) and "/models asks" in shown(pilot))
        pulls.start(f"hf:{TINY}")
        await until(
            pilot, lambda: "hf:acme/Tiny" in shown(pilot) and "does not fit" in shown(pilot)
        )
        await say(pilot, "/models")
        await until(pilot, lambda: "Which file of hf:acme/one" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Which file of hf:acme/two" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Download it anyway?" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "tiny_Q4_K_M: here" in shown(pilot))
        assert not pulls.running


async def test_several_come_at_once_and_one_that_waits_for_its_turn_is_stopped_at_once(
    stage: Stage, tiny: Hub
) -> None:
    names = ("one", "two", "three")
    for number, name in enumerate(names):
        content = model_bytes(seed=10 + number)
        tiny.put(f"acme/{name}-GGUF", **{f"{name}.gguf": content})
    tiny.hold_at = 1_500_000
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        for name in names[:2]:
            await fetch(pilot, f"hf:acme/{name}-GGUF")
            percent = f"hf:acme/{name}-GGUF"
            await until(
                pilot,
                lambda name=percent: any(
                    state.name == name and "%" in state.words for state in screen.pulls.running
                ),
            )
        await fetch(pilot, "hf:acme/three-GGUF")
        await until(pilot, lambda: "↓ waiting" in shown(pilot))
        await pilot.press("f9")
        await until(pilot, lambda: "three-GGUF: stopped" in shown(pilot))
        tiny.go_on.set()
        await until(pilot, lambda: not screen.pulls.running)
    assert {model.name for model in search.survey().models} == {"demo", "one", "two"}


async def test_what_came_before_a_stop_is_kept_and_not_fetched_again(
    stage: Stage, tiny: Hub, tmp_path: Path
) -> None:
    tiny.hold_at = 1_500_000
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        # what was sent isn't written yet
        await until(pilot, lambda: any(p.stat().st_size > 1_000_000 for p in parts(tmp_path)))
        await until(pilot, lambda: "F9 stop download" in shown(pilot) and "%" in shown(pilot))
        await pilot.press("f9")
        await until(pilot, lambda: f"hf:{TINY}: stopped" in shown(pilot))
        (part,) = parts(tmp_path)
        kept = part.stat().st_size
        tiny.hold_at = None
        tiny.go_on.set()
        tiny.asked.clear()
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: "tiny_Q4_K_M: here" in shown(pilot))
    assert f"bytes={kept}-" in [asked.headers.get("range") for asked in tiny.of_kind("GET")]
    assert library.resolve("tiny_Q4_K_M").path.read_bytes() == MODEL


async def test_a_wrong_byte_is_noticed_and_the_file_fetched_again(stage: Stage, tiny: Hub) -> None:
    tiny.sends += [spoiled]
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: "tiny_Q4_K_M: here" in shown(pilot))
    assert library.resolve("tiny_Q4_K_M").path.read_bytes() == MODEL


async def test_a_download_that_failed_stays_in_the_list_until_it_is_tried_again_or_forgotten(
    stage: Stage, tiny: Hub
) -> None:
    wanted = f"hf:{TINY}"
    tiny.gated.add(TINY)
    tiny.token = "hf_right"
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, wanted)
        await until(pilot, lambda: "↓ failed" in shown(pilot))
        text = " ".join(shown(pilot).split())
        assert "HF_TOKEN" in text or "hf auth login" in text
        await pilot.press("down", "up")
        await until(pilot, lambda: "Enter try again" in shown(pilot))
        tiny.gated.clear()
        await fetch(pilot, wanted)
        await until(pilot, lambda: "tiny_Q4_K_M: here" in shown(pilot))
        assert "failed" not in shown(pilot)
        await fetch(pilot, "hf:acme/None-GGUF")
        await until(pilot, lambda: "↓ failed" in shown(pilot))
        await pilot.press("f9")
        await until(pilot, lambda: "failed" not in shown(pilot))


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE"),
        ("HF_ENDPOINT", "http://127.0.0.1:9", "127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9", "proxy"),
    ],
)
async def test_what_stands_in_the_way_to_the_hub_is_named(
    stage: Stage, tiny: Hub, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: "↓ failed" in shown(pilot))
        assert told in shown(pilot)


async def test_a_disk_that_is_too_small_is_told_before_anything_comes(
    stage: Stage, tiny: Hub, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tiny_disk / "hub"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await fetch(pilot, f"hf:{TINY}")
        await until(pilot, lambda: "↓ failed" in shown(pilot))
        text = " ".join(shown(pilot).split())
        assert "HF_HUB_CACHE" in text
    assert not parts(tiny_disk)
