"""What the hardware says, in the side pane and in the strip: only what there is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual.app import ComposeResult
from textual.pilot import Pilot

from tests.ui.conftest import SNAPSHOT, Stage, WidgetHost, ready, say, shown, until
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Endpoint
from vlmtui.hardware.base import Snapshot, Temperature
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.ui.widgets.panes.model_box import ModelBox
from vlmtui.ui.widgets.panes.stats_panel import StatsPanel, rows
from vlmtui.ui.widgets.panes.status_strip import StatusStrip
from vlmtui.ui.widgets.pictures.picture_widget import Picture

ORIN = replace(
    SNAPSHOT,
    gpu_load=0.63,
    gpu_used_bytes=3_355_443_200,
    power_w=12.479,
    temperatures=(Temperature("cpu", 61.0), Temperature("gpu", 53.343)),
    shared_memory=True,
)
DESKTOP = replace(
    SNAPSHOT,
    engine_gpu_bytes=5_000_000_000,
    gpu_used_bytes=10_000_000_000,
    gpu_total_bytes=80_000_000_000,
    gpu_load=0.42,
)

ON_A_BOARD = Endpoint("http://board.lan:8080/v1", "llava")


class PanelHost(WidgetHost):
    """The panel alone, as wide as in the pane."""

    CSS = "StatsPanel { width: 34; }"

    def __init__(self, snapshot: Snapshot | None) -> None:
        super().__init__()
        self.panel = StatsPanel()
        self.panel.snapshot = snapshot

    def compose(self) -> ComposeResult:
        yield self.panel


async def panel_lines(snapshot: Snapshot | None) -> list[str]:
    """The panel's lines about the machine."""
    app = PanelHost(snapshot)
    async with app.run_test(size=(40, 30)) as pilot:
        await pilot.pause()
        assert app.panel.size.height == rows(snapshot)
        return shown(pilot).split("\n")[6 : rows(snapshot)]


def labels(lines: list[str]) -> list[str]:
    return [line[:13].strip() for line in lines if line[0].isalpha()]


async def test_a_board_shows_load_temperature_power_and_the_gpus_part_of_the_memory() -> None:
    lines = await panel_lines(ORIN)
    assert lines[:-1] == [
        "GPU                   63 % · 53 °C",
        "power                       12.5 W",
        "memory             3.0 GB / 8.0 GB",
        "  of it GPU                 3.4 GB",
    ]


async def test_a_gpu_with_its_own_memory_shows_how_full_that_is() -> None:
    lines = await panel_lines(DESKTOP)
    assert lines[:-1] == [
        "GPU                           42 %",
        "GPU memory       10.0 GB / 80.0 GB",
        "memory             3.0 GB / 8.0 GB",
    ]


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (None, []),
        (Snapshot(0.0), []),
        (SNAPSHOT, ["memory"]),
        (replace(SNAPSHOT, shared_memory=True), ["memory"]),
        (replace(SNAPSHOT, gpu_used_bytes=1), ["memory"]),
        (replace(SNAPSHOT, gpu_load=0.0), ["GPU", "memory"]),
        (replace(SNAPSHOT, power_w=0.0), ["power", "memory"]),
        (replace(SNAPSHOT, temperatures=(Temperature("cpu", 50.0),)), ["memory"]),
        (replace(SNAPSHOT, temperatures=(Temperature("GPU", 50.0),)), ["GPU", "memory"]),
    ],
)
async def test_a_figure_that_is_not_there_has_no_line(
    snapshot: Snapshot | None, expected: list[str]
) -> None:
    assert labels(await panel_lines(snapshot)) == expected


async def test_lines_come_and_go_with_their_figures() -> None:
    app = PanelHost(SNAPSHOT)
    async with app.run_test(size=(40, 30)) as pilot:
        app.panel.snapshot = ORIN
        await until(pilot, lambda: app.panel.size.height == rows(ORIN))
        assert "63 % · 53 °C" in shown(pilot)
        app.panel.snapshot = replace(ORIN, gpu_load=0.07)
        await until(pilot, lambda: "7 % · 53 °C" in shown(pilot))
        app.panel.snapshot = SNAPSHOT
        await until(pilot, lambda: app.panel.size.height == rows(SNAPSHOT))
        assert "°C" not in shown(pilot)


@pytest.mark.parametrize("size", [(120, 34), (160, 48), (100, 24)])
async def test_the_side_pane_shows_a_board_whole_and_the_picture_what_is_left(
    stage: Stage, size: tuple[int, int]
) -> None:
    stage.picture("scene.png", (96, 96))
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image scene.png")
        await until(pilot, lambda: screen.image is not None)
        screen.snapshot = replace(ORIN, engine_gpu_bytes=2_000_000_000)
        await until(pilot, lambda: "12.5 W" in shown(pilot))
        panel = screen.query_one("SidePane StatsPanel")
        picture = screen.query_one("SidePane Picture", Picture)
        assert panel.region.bottom <= size[1]
        assert picture.region.bottom < panel.region.y
        text = shown(pilot)
        for line in ("63 % · 53 °C", "3.0 GB / 8.0 GB", "3.4 GB", "of it GPU "):
            assert line in text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((60, 15), "– tok/s  mem 312 MB  ctx  0 %  12.5 W"),
        ((80, 24), "– tok/s  mem 312 MB  ctx  0 %  GPU 63 % 3.4 GB  12.5 W"),
    ],
)
async def test_the_strip_of_a_narrow_terminal_has_memory_context_load_and_power(
    stage: Stage, size: tuple[int, int], expected: str
) -> None:
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        screen.snapshot = ORIN
        await until(pilot, lambda: shown(pilot).endswith(expected))


async def test_the_strip_leaves_out_what_it_has_no_room_for() -> None:
    class StripHost(WidgetHost):
        def compose(self) -> ComposeResult:
            strip = StatusStrip()
            strip.engine_state = EngineState(phase=Phase.READY, model="fake", context_size=4096)
            strip.snapshot = ORIN
            yield strip

    async with StripHost().run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        assert shown(pilot).split("\n")[0] == " ● ready              – tok/s  ctx  0 %"


@pytest.mark.parametrize(
    ("columns", "end"),
    [(100, "⇄ board.lan:8080 board/llava"), (80, "⇄ board.lan:8080"), (40, "⇄ board.lan:8080")],
)
async def test_the_strip_always_tells_that_another_machine_answers(columns: int, end: str) -> None:
    class StripHost(WidgetHost):
        def compose(self) -> ComposeResult:
            strip = StatusStrip()
            info = ModelInfo("board/llava", ON_A_BOARD, frozenset())
            strip.engine_state = EngineState(phase=Phase.READY, model=info.name, info=info)
            strip.snapshot = SNAPSHOT
            yield strip

    async with StripHost().run_test(size=(columns, 5)) as pilot:
        await pilot.pause()
        assert shown(pilot).split("\n")[0].rstrip().endswith(end)


async def test_what_nobody_knows_of_a_servers_model_is_no_figure() -> None:
    class BoxHost(WidgetHost):
        def compose(self) -> ComposeResult:
            box = ModelBox()
            info = ModelInfo("board/llava", ON_A_BOARD, frozenset(), description="llava on board")
            panel = StatsPanel()
            panel.engine_state = box.engine_state = EngineState(info=info, network_s=1.5)
            yield box
            yield panel

    async with BoxHost().run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        kind, size, _, context, offload = shown(pilot).split("\n")[:5]
        assert kind.split() == ["kind", "on", ON_A_BOARD.host]
        assert size.split() == ["size", "–"]
        assert context.split() == ["context", "–"]
        assert offload.split()[-1] == "–"
        assert ["network", "1.50", "s"] in [line.split() for line in shown(pilot).split("\n")]


async def test_a_source_that_fails_is_told_once(stage: Stage) -> None:
    note = "NVML gives no readings: it doesn't answer. They return when it does."
    failing = replace(SNAPSHOT, notes=(note,))
    async with stage.app().run_test(size=(120, 34), notifications=True) as pilot:
        await ready(pilot)
        for snapshot in (failing, failing, SNAPSHOT, failing):
            post(pilot, snapshot)
        await until(pilot, lambda: "NVML gives no readings" in shown(pilot))
        assert [each.message for each in pilot.app._notifications] == [note]


def post(pilot: Pilot[int], snapshot: Snapshot) -> None:
    pilot.app.take_snapshot(snapshot)
