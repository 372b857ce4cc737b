"""Another model for the chat that is open: chosen, loaded, stopped, failed, brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import LOAD, Gate, crash
from tests.openai_server import OpenAIServer, words
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.chat.available_models import AvailableModels
from vlmtui.chat.fit_verdict import FitVerdict, of_fit
from vlmtui.engine.engine_events import Adjusted, Delta, Loading
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.errors import LoadFailed, ModelNotFound, VlmtuiError
from vlmtui.models import endpoints
from vlmtui.models.fit import Fit, Machine, Verdict
from vlmtui.models.installed import Discovery, InstalledModel
from vlmtui.models.memory import Bytes, Need, Setup
from vlmtui.settings import Settings
from vlmtui.stats.engine_state import Phase
from vlmtui.ui.screens.models.model_picker import ModelPicker
from vlmtui.ui.widgets.transcript.notice import ModelMark

SIZE = (120, 36)
SMALL = pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])

FILES = LOAD.files

MODELS = (
    InstalledModel(
        "fake", Path(LOAD.files.model), Path(LOAD.files.mmproj or ""), "demo", 5_300_000
    ),
    InstalledModel(
        *("qwen2.5-vl-3b", Path("/hub/qwen.gguf"), Path("/hub/mmproj.gguf"), "huggingface"),
        size_bytes=2_800_000_000,
        quantisation="Q4_K_M",
    ),
    InstalledModel(
        *("llava:7b", Path("/ollama/llava"), Path("/ollama/tower"), "ollama"),
        size_bytes=4_700_000_000,
        quantisation="Q4_0",
    ),
    InstalledModel("tiny[b]text", Path("/models/tiny.gguf"), None, "directory", 90_000_000),
)
NONE = Bytes()
VERDICTS: dict[str, Verdict] = {"qwen2.5-vl-3b": "tight", "llava:7b": "no"}


def fit_verdict(verdict: Verdict, size: int) -> FitVerdict:
    need = Need(Bytes(size), NONE, NONE, NONE, NONE, NONE)
    left = 1_000_000_000 if verdict != "no" else -1
    return of_fit("it", Fit(verdict, Setup(), need, left), Setup())


class FakeShelf(AvailableModels):
    """Four models, none of which is really there."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.failure: VlmtuiError | None = None

    def survey(self) -> Discovery:
        if self.failure is not None:
            raise self.failure
        return Discovery(MODELS)

    def machine(self) -> Machine:
        return Machine(4_000_000_000, 8_000_000_000)

    def fit_verdict(self, model: InstalledModel, machine: Machine) -> FitVerdict:
        return fit_verdict(VERDICTS.get(model.name, "yes"), model.size_bytes)

    def load(self, name: str) -> Load:
        for model in MODELS:
            if name in (model.name, str(model.path)):
                tower = str(model.mmproj) if model.mmproj is not None else None
                return Load(Files(str(model.path), tower), model.name)
        raise ModelNotFound(f"There is no model named {name!r}", "`vlmtui models` lists them.")


@pytest.fixture
def available_models(stage: Stage) -> FakeShelf:
    made = FakeShelf()
    stage.available_models = lambda: made
    return made


@SMALL
async def test_the_picker_lists_what_is_here_with_size_and_verdict(
    stage: Stage, available_models: FakeShelf, size: tuple[int, int]
) -> None:
    async with stage.app().run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "too big" in shown(pilot))
        lines = shown(pilot).splitlines()
        (qwen,) = (line for line in lines if "qwen2.5-vl-3b" in line)
        assert "2.8 GB" in qwen
        assert "tight" in qwen
        (fake,) = (line for line in lines if "● fits" in line)
        assert "fake" in fake
        assert any("tiny[b]text" in line for line in lines)


async def test_a_server_that_is_found_on_this_machine_is_offered_and_not_added(
    stage: Stage, available_models: FakeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = OpenAIServer(lambda exchange: exchange.stream(*words("Yes.")))
    port = server.url.removesuffix("/v1").rpartition(":")[2]
    monkeypatch.setenv("VLMTUI_SERVER_PORTS", port)
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: f"localhost:{port}/llava" in shown(pilot))
        row = next(line for line in shown(pilot).splitlines() if "localhost:" in line)
        assert "found on this machine" in row
        assert "server" in row
        await pilot.press("escape")
    server.close()
    assert endpoints.SERVERS.everything() == []
    assert server.asked == []


async def test_a_chosen_model_answers_from_now_on_and_the_chat_is_kept(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "one")
        await pilot.press("f2")
        await until(pilot, lambda: "tight" in shown(pilot))
        await type_text(pilot, "qwen")
        await pilot.press("enter")
        await until(pilot, lambda: "Switched to qwen2.5-vl-3b" in shown(pilot))
        assert screen.engine_state.phase is Phase.READY
        assert screen.engine_state.model == "qwen2.5-vl-3b"
        await ask(pilot, "two")
        assert len(screen.query(ModelMark)) == 1
        assert "fake → qwen2.5-vl-3b" in shown(pilot)
    assert [load.name for load in stage.engine.loads] == ["fake", "qwen2.5-vl-3b"]
    assert [message.text for message in stage.engine.requests[-1].messages] == [
        *("one", "Yes.", "two")
    ]
    chat = stage.store.latest()
    assert chat is not None
    assert chat.model == "qwen2.5-vl-3b"


async def test_progress_of_the_load_is_shown_with_the_new_name(
    stage: Stage, available_models: FakeShelf
) -> None:
    gate = Gate()
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script_load(Loading(0.25), gate)
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "loading 25 %" in shown(pilot))
        assert "llava:7b" in shown(pilot)
        gate.open()
        await until(pilot, lambda: "Switched to llava:7b" in shown(pilot))


async def test_a_model_is_named_by_its_path(stage: Stage, available_models: FakeShelf) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/model /models/tiny.gguf")
        await until(pilot, lambda: "Switched to" in shown(pilot))
    assert stage.engine.loads[-1].files.model == "/models/tiny.gguf"


async def test_escape_stops_the_load_and_the_old_model_is_back(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script_load(Loading(0.25), Gate())
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "loading 25 %" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "fake stays the model in use" in shown(pilot))
        assert (screen.engine_state.phase, screen.engine_state.model) == (Phase.READY, "fake")
        await ask(pilot, "one")
        assert "Yes." in shown(pilot)
    assert [load.name for load in stage.engine.loads] == ["fake", "llava:7b", "fake"]


async def test_a_model_that_fails_brings_the_old_one_back_and_says_why(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script_load(LoadFailed("The file [b]is damaged", "Pull it again"))
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "is loaded again" in shown(pilot))
        text = shown(pilot)
        assert "llava:7b can't be used: The file [b]is damaged" in text
        assert "Pull it again" in text
        assert (screen.engine_state.phase, screen.engine_state.model) == (Phase.READY, "fake")


async def test_a_crash_while_loading_is_told_with_the_log(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script_load(crash("load"))
        stage.engine.script_load(crash("load"))
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "the next question tries fake" in shown(pilot))
        assert "/state/engine.log" in shown(pilot)
        assert screen.engine_state.phase is Phase.ABSENT
        await ask(pilot, "one")
        assert "Yes." in shown(pilot)


async def test_a_name_that_nothing_goes_by_changes_nothing(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/model nemo")
        await until(pilot, lambda: "There is no model named 'nemo'" in shown(pilot))
        await until(pilot, lambda: screen.prompt.text == "/model nemo")
        assert (screen.engine_state.phase, screen.engine_state.model) == (Phase.READY, "fake")
        await say(pilot, "/model fake")
        await until(pilot, lambda: "fake is already in use" in shown(pilot))
    assert len(stage.engine.loads) == 1


async def test_during_an_answer_the_model_stays(stage: Stage, available_models: FakeShelf) -> None:
    gate = Gate()
    stage.engine.script(Delta("Half", 1), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await until(pilot, lambda: "Half" in shown(pilot))
        await pilot.press("f2")
        await until(pilot, lambda: "Esc stops it" in shown(pilot))
        await say(pilot, "/model llava:7b")
        await pilot.pause()
        gate.open()
        await answered(pilot)
    assert len(stage.engine.loads) == 1


async def test_a_question_sent_during_the_exchange_is_answered_by_the_new_model(
    stage: Stage, available_models: FakeShelf
) -> None:
    gate = Gate()
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script_load(Loading(0.25), gate)
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "loading 25 %" in shown(pilot))
        await say(pilot, "one")
        await until(pilot, lambda: stage.sessions[-1].transcript())
        gate.open()
        await answered(pilot)
        assert "Yes." in shown(pilot)
    assert stage.sessions[-1].transcript()[-1].model == "llava:7b"


async def test_the_model_that_was_chosen_last_is_the_one_that_loads(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script_load(Loading(0.25), Gate())
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "loading 25 %" in shown(pilot))
        await say(pilot, "/model qwen2.5-vl-3b")
        await until(pilot, lambda: "Switched to qwen2.5-vl-3b" in shown(pilot))
        assert screen.engine_state.model == "qwen2.5-vl-3b"
    assert [load.name for load in stage.engine.loads] == ["fake", "llava:7b", "qwen2.5-vl-3b"]


async def test_an_answer_is_given_again_by_a_model_that_is_chosen_for_it(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "one")
        await pilot.press("alt+up", "R")
        await until(pilot, lambda: isinstance(pilot.app.screen, ModelPicker))
        await until(pilot, lambda: "tight" in shown(pilot))
        await type_text(pilot, "qwen")
        await pilot.press("enter")
        await until(pilot, lambda: len(stage.engine.requests) == 2)
        await answered(pilot)
        assert "2/2" in shown(pilot)
    last = stage.sessions[-1].transcript()[-1]
    assert (last.model, last.siblings) == ("qwen2.5-vl-3b", 2)


async def test_leaving_the_picker_changes_nothing(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "tight" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
    assert len(stage.engine.loads) == 1


async def test_models_that_can_not_be_listed_are_told(
    stage: Stage, available_models: FakeShelf
) -> None:
    available_models.failure = VlmtuiError("The list of models is damaged", "Delete it")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "The list of models is damaged" in shown(pilot))
        assert pilot.app.screen is screen_of(pilot)


async def test_names_are_completed_after_the_command(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await type_text(pilot, "/model q")
        await until(pilot, lambda: "2.8 GB" in shown(pilot))
        await pilot.press("tab")
        assert screen_of(pilot).prompt.text.strip() == "/model qwen2.5-vl-3b"


async def test_a_chat_of_another_model_says_so_when_it_is_opened(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "Switched to llava:7b" in shown(pilot))
        await ask(pilot, "one")
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "/model llava:7b switches to it" in shown(pilot))
        assert screen.engine_state.model == "fake"


async def test_what_had_to_be_changed_to_make_it_fit_is_told(
    stage: Stage, available_models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script_load(
            Adjusted("llava:7b needs 7.3 GB, 6.1 GB are free", "a context of 2,048 tokens")
        )
        await say(pilot, "/model llava:7b")
        await until(pilot, lambda: "Switched to llava:7b" in shown(pilot))
        assert "7.3 GB" in shown(pilot)
        assert "a context of 2,048 tokens" in shown(pilot)


async def test_the_first_load_can_be_stopped_and_the_next_question_loads_again(
    stage: Stage, available_models: FakeShelf
) -> None:
    stage.engine.script_load(Loading(0.25), Gate())
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = screen_of(pilot)
        await until(pilot, lambda: "loading 25 %" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: screen.engine_state.phase is Phase.ABSENT)
        assert "The next question loads the model" in shown(pilot)
        await ask(pilot, "one")
        assert "Yes." in shown(pilot)
