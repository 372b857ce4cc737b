from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import msgspec
import pytest

from tests.terminals import Terminal
from vlmtui import demo
from vlmtui.benchmark import report as reports
from vlmtui.benchmark.measure import _Watch
from vlmtui.benchmark.result import Decode, Machine, ModelResult, Report, Spread, load_report
from vlmtui.cli import run
from vlmtui.errors import InputError
from vlmtui.hardware.base import Snapshot

MACHINE = Machine(
    board="NVIDIA Jetson Orin Nano",
    system="Ubuntu 22.04, aarch64",
    jetpack="36.4.3",
    power_mode="25W",
    processor="6 cores",
    memory_bytes=8_000_000_000,
    gpu=None,
    bandwidth_gb_s=68.0,
    bandwidth_origin="table",
    versions={"vlmtui": "0.1.0"},
)


def result(name: str, speed: float) -> ModelResult:
    return ModelResult(
        name=name,
        description="llama 7B Q4_K",
        size_bytes=4_080_000_000,
        context=4096,
        gpu=True,
        load_s=Spread((2.0, 1.0, 3.0)),
        decode=(Decode(64, Spread((speed, speed + 1, speed - 1))),),
        power_w=14.5,
        joules_per_token=0.7,
    )


def report(*models: ModelResult) -> Report:
    return Report(MACHINE, models, 0.0)


def test_the_demo_model_is_measured_through_its_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--quick", "--json", "--schema", "a: int"]) == 0
    told = json.loads(capsys.readouterr().out)
    (model,) = told["models"]
    assert model["name"] == "demo"
    assert model["image_tokens"] == 81
    assert model["encode_s"]["values"][0] > 0
    assert model["decode"][0]["tokens_per_s"]["values"][0] > 0
    assert model["follow_up_s"]["values"][0] > 0
    assert model["structured_tokens_per_s"]["values"][0] > 0 < model["structured_s"]["values"][0]
    assert model["peak_memory_bytes"] > 10_000_000
    assert model["joules_per_token"] is None or model["joules_per_token"] >= 0
    assert told["machine"]["versions"]["llama-cpp-python"]


def test_every_picture_is_encoded_anew(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--repeat", "2", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert len(model["encode_s"]["values"]) == 2
    assert min(model["encode_s"]["values"]) > 0


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--quick", "--json"]) == 0
    before = tmp_path / "before.json"
    before.write_text(capsys.readouterr().out)
    assert run(["bench", "--quick", "--compare", str(before)]) == 0
    shown = capsys.readouterr().out
    assert "decode 32, tok/s" in shown
    assert "×" in shown


def test_the_table_names_the_machine_and_has_a_column_for_each_model() -> None:
    shown = reports.as_markdown(report(result("llava", 16.0), result("qwen", 30.0)))
    assert "NVIDIA Jetson Orin Nano, JetPack 6 (L4T 36.4.3), 25W" in shown
    assert shown.count("llama 7B Q4_K") == 2
    assert "| runs on" in shown
    assert "68 GB/s (table)" in shown
    (row,) = [line for line in shown.splitlines() if "decode 64" in line]
    assert "16 (15–17)" in row
    assert "30 (29–31)" in row


def test_what_was_not_measured_has_no_row() -> None:
    shown = reports.as_markdown(report(result("llava", 16.0)))
    assert "encode a picture" not in shown
    assert "14.5" in shown


def test_the_plot_has_a_bar_for_each_model_as_long_as_it_is_fast() -> None:
    shown = reports.as_plot(report(result("slow", 10.0), result("fast", 40.0)))
    slow, fast = (line.count("█") for line in shown.splitlines()[1:])
    assert fast == 4 * slow


def test_csv_has_a_line_for_each_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(reports.as_csv(report(result("a, b", 16.0))))))
    (decode,) = [row for row in rows if row["figure"] == "decode 64, tok/s"]
    assert (decode["model"], decode["median"], decode["low"], decode["high"]) == (
        "a, b",
        "16.0",
        "15.0",
        "17.0",
    )


def test_a_comparison_says_when_the_machines_differ() -> None:
    other = msgspec.structs.replace(MACHINE, power_mode="15W")
    before = Report(other, (result("llava", 8.0),), 0.0)
    shown = reports.as_comparison(before, report(result("llava", 16.0)))
    assert "different machines" in shown
    assert "2.00×" in shown
    assert "energy, J/token" in shown
    assert "power, W" in shown


def test_a_pc_is_told_with_its_gpu() -> None:
    pc = msgspec.structs.replace(MACHINE, board="PC", jetpack=None, gpu="NVIDIA H100")
    shown = reports.as_markdown(Report(pc, (result("llava", 16.0),), 0.0))
    assert "- PC, 25W, NVIDIA H100" in shown


def test_a_report_survives_being_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(msgspec.json.encode(report(result("llava", 16.0))))
    assert load_report(path) == report(result("llava", 16.0))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"not json",
        b'{"machine": 3}',
        msgspec.json.encode(report(result("llava", 16.0))).replace(b"[2.0,1.0,3.0]", b"[]"),
    ],
)
def test_something_else_is_no_report(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a benchmark report"):
        load_report(path)


class StillMonitor:
    """Takes no samples by itself."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def test_energy_of_decoding_is_what_was_drawn_above_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[_Watch.__module__], "Monitor", StillMonitor)
    watch = _Watch(lambda: None)
    for fifth in range(5):
        watch._take(Snapshot(time=fifth / 5, power_w=5.0))
    watch.at_rest()
    with watch.phase("load"):
        watch._take(Snapshot(time=1.0, power_w=5.0))
    with watch.phase("decode"):
        for fifth in range(6, 10):
            watch._take(Snapshot(time=fifth / 5, power_w=15.0))
    watch._take(Snapshot(time=2.0, power_w=15.0))
    # 5 W to 15 W in 0.2 s is 2 J, then 0.6 s of 15 W; 5 W of it for 0.8 s it draws at rest
    assert watch.decode_joules() == pytest.approx(2 + 9 - 4)
    assert watch.decode_watts() == 15.0


def test_without_a_look_at_rest_there_is_no_energy_above_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where power comes from tegrastats, which takes seconds to begin."""
    monkeypatch.setattr(sys.modules[_Watch.__module__], "Monitor", StillMonitor)
    watch = _Watch(lambda: None)
    with watch.phase("decode"):
        for second in range(4):
            watch._take(Snapshot(time=float(second), power_w=15.0))
    assert watch.decode_joules() is None
    assert watch.decode_watts() == 15.0


def test_what_was_measured_is_printed_when_a_later_model_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.gguf"
    whole = demo.model_path().read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    assert run(["bench", "--quick", "--csv", "--model", "demo", "--model", str(broken)]) != 0
    told = capsys.readouterr()
    assert "decode 32, tok/s" in told.out
    assert "broken" in told.err
    assert "Traceback" not in told.err


def test_a_models_name_is_shown_as_text_while_it_is_measured_and_afterwards(
    tmp_path: Path,
) -> None:
    model = tmp_path / "evil\x1b]0;name\x07.gguf"
    model.symlink_to(demo.model_path())
    terminal = Terminal(
        [sys.executable, "-m", "vlmtui", "bench", "--quick", "--csv", "--model", model]
    )
    try:
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert "prefill" in terminal.seen
    assert "\x1b]0;name" not in terminal.seen


def test_wrong_wishes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--json", "--csv"]) == 2
    assert run(["bench", "--compare", str(tmp_path / "none.json")]) == 2
    assert run(["bench", "--image", str(tmp_path / "none.png"), "--quick"]) == 2
    assert run(["bench", "--model", "no-such-model"]) == 2
    assert "Traceback" not in capsys.readouterr().err
