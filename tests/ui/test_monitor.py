"""The monitor, statistics, and what each answer is charged with, on the whole application."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.fakes import Gate
from tests.fakes import answer as words
from tests.ui.conftest import Stage, WidgetHost, ready, say, until
from vlmtui.hardware.base import GpuUser, Rail, Snapshot, Temperature
from vlmtui.messages import assistant, user
from vlmtui.stats.answer_stats import roofline
from vlmtui.stats.answer_stats import rows as details
from vlmtui.stats.engine_state import Phase
from vlmtui.stats.timeline import Timeline
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.monitor_screen import MonitorScreen
from vlmtui.ui.screens.stats_screen import StatsScreen, StatsTable
from vlmtui.ui.widgets.panes.monitor_panel import MonitorPanel

BOARD = Snapshot(
    time=1.0,
    engine_rss_bytes=3_100_000_000,
    gpu_used_bytes=3_400_000_000,
    gpu_load=0.63,
    gpu_clock_hz=621_000_000,
    gpu_clock_max_hz=1_020_000_000,
    ram_total_bytes=8_000_000_000,
    ram_available_bytes=1_500_000_000,
    cpu_load=0.2,
    cpu_core_loads=(0.1, 0.9, None),
    temperatures=(Temperature("cpu", 54.0), Temperature("gpu", 61.0)),
    power_w=12.5,
    power_rails=(Rail("VDD_IN", 12.5), Rail("VDD_SOC", 2.8)),
    power_mode="25W",
    throttled_by=("gpu",),
    board_name="NVIDIA Jetson Orin Nano",
    shared_memory=True,
    sources=("Jetson", "host"),
)


class Host(WidgetHost):
    """Hosts one screen."""

    def __init__(self, screen: Any) -> None:
        super().__init__()
        self._first = screen

    def on_mount(self) -> None:
        self.push_screen(self._first)


def drawn(pilot: Pilot[Any], widget: type[MonitorPanel | StatsTable]) -> str:
    return str(pilot.app.screen.query_one(widget).render())


async def monitor_of(snapshot: Snapshot, size: tuple[int, int] = (100, 34)) -> str:
    timeline = Timeline()
    timeline.add(snapshot, Phase.DECODING, 19.3)
    async with Host(MonitorScreen(timeline)).run_test(size=size) as pilot:
        await pilot.pause()
        return drawn(pilot, MonitorPanel)


async def test_the_monitor_shows_everything_that_a_board_tells() -> None:
    text = await monitor_of(BOARD)
    for what in (
        "19.3 tok/s",
        "63 % · 621 MHz",
        "3.4 GB / 8.0 GB",
        "6.5 GB / 8.0 GB",
        "3.1 GB",
        "12.5 W",
        "61 °C",
        "cpu 54 · gpu 61 °C",
        "VDD_IN 12.5 W · VDD_SOC 2.8 W",
        "at most 1020 MHz",
        "25W",
        "  off",
        "readings from Jetson, the system",
        "0.65 J a token",
        "8.0 GB",
        "0 ━───────  10 %",
    ):
        assert what in text
    (slowed,) = [line for line in text.splitlines() if line.startswith("slowed by")]
    assert "gpu" in slowed


async def test_figures_that_a_machine_doesnt_give_are_left_out() -> None:
    text = await monitor_of(Snapshot(time=1.0, ram_total_bytes=8, ram_available_bytes=4))
    for absent in ("GPU", "power", "hottest", "temperatures", "slowed", "cores"):
        assert absent not in text


@pytest.mark.parametrize("size", [(160, 48), (120, 36), (100, 31)])
async def test_graphs_have_a_scale_and_use_the_height(size: tuple[int, int]) -> None:
    lines = (await monitor_of(BOARD, size)).splitlines()
    (gpu,) = [number for number, line in enumerate(lines) if line.startswith("GPU  ")]
    assert lines[gpu].endswith(" 100 %")
    foot = next(number for number in range(gpu, len(lines)) if lines[number].endswith(" 0"))
    assert foot > gpu
    assert len(lines) == size[1] - 3  # the frame, and a line that is left


async def test_a_screen_without_room_has_graphs_of_one_line() -> None:
    lines = (await monitor_of(BOARD, (100, 16))).splitlines()
    assert lines[0].startswith("decode") and lines[1].startswith("GPU  ")
    assert lines[2].startswith("GPU memory")


async def test_one_burst_doesnt_flatten_the_others() -> None:
    timeline = Timeline()
    for rate in (20.0, 21.0, 19.0, 22.0) * 8 + (900.0,) + (20.0,) * 8:
        timeline.add(BOARD, Phase.DECODING, rate)
    async with Host(MonitorScreen(timeline)).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        first = drawn(pilot, MonitorPanel).splitlines()[0]
    assert first.endswith(" 25.0")
    assert "▁" not in first.split("tok/s")[1].strip()[:40]


async def test_the_roofline_of_the_model_is_the_top_of_its_speed() -> None:
    timeline = Timeline()
    timeline.roofline = 41.0
    timeline.add(BOARD, Phase.DECODING, 20.5)
    async with Host(MonitorScreen(timeline)).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = drawn(pilot, MonitorPanel)
    first = text.splitlines()[0]
    assert "roofline     41.0 tok/s" in text
    assert "20.5 tok/s · 50 %" in first
    assert first.endswith(" 41.0")


async def test_other_programs_on_the_gpu_are_named() -> None:
    others = (GpuUser("Xorg", 300_000_000), GpuUser("ros2", 120_000_000))
    text = await monitor_of(replace(BOARD, gpu_others=others))
    assert "Xorg 300 MB · ros2 120 MB" in text


async def test_what_the_engine_did_is_marked_below_the_graphs() -> None:
    text = await monitor_of(BOARD)
    (ribbon,) = [line for line in text.splitlines() if line.startswith("phases")]
    (legend,) = [line for line in text.splitlines() if "encode" in line and "decode" in line]
    mark = ribbon.rstrip()[-1]
    assert f"{mark} decode" in legend
    assert legend.count(mark) == 1, "without colours the phases are told apart by their marks"


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_no_line_of_the_monitor_is_longer_than_the_screen(size: tuple[int, int]) -> None:
    text = await monitor_of(BOARD, size)
    assert max(map(len, text.splitlines())) <= size[0] - 4


async def test_many_rails_and_sensors_are_all_shown_on_a_narrow_screen() -> None:
    rails = ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V", "VDDQ_VDD2_1V8AO")
    zones = ("cpu", "gpu", "cv0", "cv1", "cv2", "soc0", "soc1", "soc2", "tj")
    many = replace(
        BOARD,
        power_rails=tuple(Rail(name, 18.4) for name in rails),
        temperatures=tuple(Temperature(f"{name}-sensor", 54.0) for name in zones),
        throttled_by=tuple(f"over-current oc{number}" for number in range(1, 4)),
        notes=("NVML gives no readings: it doesn't answer. They return when it does.",),
    )
    for width in (60, 80):
        text = await monitor_of(many, (width, 24))
        for name in rails:
            assert f"{name} 18.4 W" in text
        for name in zones:
            assert f"{name}-sensor 54" in text
        assert "over-current oc3" in text
        assert "…" not in text
        assert "They return when it does." in " ".join(text.split())
        assert max(map(len, text.splitlines())) <= width - 4


async def test_a_clock_is_shown_where_there_is_no_load_as_on_a_thor() -> None:
    text = await monitor_of(replace(BOARD, gpu_load=None, memory_clock_max_hz=2_133_000_000))
    assert "621 MHz · at most 1020 MHz" in text
    assert "25W · memory at most 2133 MHz" in text


async def test_names_that_a_board_tells_are_shown_as_text() -> None:
    evil = Snapshot(
        time=1.0,
        temperatures=(Temperature("[red]x\x1b[2J", 50.0),),
        board_name="[bold]Jetson\x1b]0;x\x07",
    )
    text = await monitor_of(evil)
    assert "\x1b" not in text
    assert "[red]x" in text


def answer(stats: dict[str, Any]) -> StoredMessage:
    return StoredMessage(2, 1, assistant("A circle."), "complete", 0.0, "llava", stats=stats)


STATS = {
    "generated_tokens": 120,
    "decode_tokens_per_s": 19.3,
    "decode_s": 6.2,
    "time_to_first_token_s": 1.3,
    "peak_memory_bytes": 5_200_000_000,
    "energy": {"net_j": 66.0, "total_j": 90.0},
    "joules_per_token": 0.55,
    "bandwidth_share": 0.77,
}


def test_the_roofline_is_a_sentence() -> None:
    assert roofline(STATS).startswith("19.3 tok/s = 77 % of this machine's memory-bandwidth limit")
    assert roofline({"decode_tokens_per_s": 19.3}) == ""


async def stats_of(stats: dict[str, Any], width: int = 100) -> str:
    question = StoredMessage(1, None, user("What is [b]this[/b]?"), "complete", 0.0)
    screen = StatsScreen([question, answer(stats)])
    async with Host(screen).run_test(size=(width, 24)) as pilot:
        await pilot.pause()
        return drawn(pilot, StatsTable)


async def test_statistics_show_speed_time_memory_and_energy() -> None:
    text = await stats_of(STATS)
    for what in ("What is [b]this[/b]?", "19.3", "1.30 s", "5.2 GB", "66.0", "0.55", "77 %"):
        assert what in text
    assert "66 J above idle" in text


async def test_what_was_not_measured_is_a_dash_and_the_reason_is_told() -> None:
    text = await stats_of({"generated_tokens": 3})
    assert "–" in text
    assert "no power sensor" in text


async def test_columns_without_room_are_left_out_whole() -> None:
    rows = (await stats_of(STATS, width=60)).splitlines()
    assert max(map(len, rows[:2])) <= 56
    assert "19.3" in rows[1]


# ------------------------------------------------------------------------------- in the chat


async def test_f3_opens_the_monitor_and_closes_it_again(stage: Stage) -> None:
    async with stage.app().run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        pilot.app.take_snapshot(BOARD)
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await until(pilot, lambda: "63 %" in drawn(pilot, MonitorPanel))
        await pilot.press("f3")
        await until(pilot, lambda: not isinstance(pilot.app.screen, MonitorScreen))


async def test_each_answer_is_stored_with_the_energy_and_memory_it_took(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(*words("A ", "circle."), gate)
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        for second in range(3):
            screen.snapshot = replace(BOARD, time=float(second), power_w=5.0)
        await say(pilot, "What is it?")
        await until(pilot, lambda: screen.engine_state.phase is Phase.DECODING)
        for second in range(3, 6):
            screen.snapshot = replace(BOARD, time=float(second), power_w=15.0)
        # a snapshot may still be of the model before: what is stored is what the engine says
        screen.snapshot = replace(BOARD, time=5.0, power_w=15.0, engine_rss_bytes=9_900_000_000)
        gate.open()

        def stats() -> dict[str, Any]:
            chat = stage.store.latest()
            return (stage.store.thread(chat.id)[-1].stats or {}) if chat else {}

        await until(pilot, lambda: "energy" in stats())
        taken = stats()
        # 5 W to 15 W in a second, then two of 15 W; at rest it draws 5 W
        assert taken["energy"]["total_j"] == pytest.approx(10 + 30)
        assert taken["energy"]["net_j"] == pytest.approx(25)
        assert taken["joules_per_token"] == pytest.approx(25 / taken["generated_tokens"])
        assert taken["peak_memory_bytes"] == 3_100_000_000
        # 32 tokens/s of a model of so many bytes, on a board of 68 GB/s
        size = stage.engine.info.size_bytes if stage.engine.info else 0
        assert taken["bandwidth_share"] == pytest.approx(32 * size / 68e9)
        entry = screen.transcript.messages()[-1]
        await until(pilot, lambda: dict(details(entry.stored, ())).get("energy"))
        told = dict(details(entry.stored, ()))
        assert told["energy"].startswith("25.0 J above idle")
        assert told["memory"] == "3.1 GB"


async def test_statistics_of_the_chat_are_a_command(stage: Stage) -> None:
    stage.engine.script(*words("A ", "circle."))
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await say(pilot, "What is it?")
        await until(pilot, lambda: not screen.topics.busy)
        await say(pilot, "/stats")
        await until(pilot, lambda: isinstance(pilot.app.screen, StatsScreen))
        assert "What is it?" in drawn(pilot, StatsTable)
