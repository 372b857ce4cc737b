from __future__ import annotations

import io
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hardware.boards import BOARDS, Board
from tests.models import headers
from tests.models.shelves import HuggingFace, put
from tests.processes import unprivileged
from tests.terminals import Terminal
from vlmtui import doctor, paths
from vlmtui.cli import run
from vlmtui.doctor import (
    board,
    bundle,
    downloads,
    examination,
    llama,
    memory,
    software,
    store,
    terminal,
)
from vlmtui.doctor.finding import Finding
from vlmtui.errors import InputError
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE, Sysroot


def of(findings: Iterable[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    (tmp_path / "root").mkdir()
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path / "root"))
    return Board(tmp_path / "root")


def jetson(root: Board, chip: str) -> None:
    root.write("/proc/device-tree/compatible", f"nvidia,p3768\0nvidia,{chip}\0".encode())


# ------------------------------------------------------------------------------- the whole command


def test_the_command_reports_this_machine_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    report = capsys.readouterr().out
    for heading in ("machine", "software", "llama.cpp", "memory and disk", "terminal", "files"):
        assert f"\n{heading}\n" in f"\n{report}"
    assert "libmtmd (vision)" in report
    assert "\x1b" not in report


def test_the_json_has_every_finding_and_the_worst_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] in ("ok", "warn")
    found = {finding["name"]: finding for finding in told["findings"]}
    assert found["llama-cpp-python"]["status"] == "ok"
    assert found["Python"]["value"].startswith(".".join(map(str, sys.version_info[:3])))


def test_a_variable_that_is_not_utf8_costs_no_json() -> None:
    told = json.loads(doctor.as_json([Finding("n", "info", "/caf\udce9", "rename \udce9")]))
    assert told["findings"][0]["value"] == "/caf?"


def test_what_cant_work_makes_the_exit_code_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("model = 3\n")
    assert run(["doctor"]) == 1
    assert "✗ settings file" in capsys.readouterr().out


def test_a_look_that_fails_is_a_finding_and_the_others_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> list[Finding]:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(examination, "LOOKS", (("broken", broken), ("software", software.findings)))
    found = doctor.examine()
    assert (found[0].topic, found[0].status) == ("broken", "fail")
    assert "no luck" in found[0].value
    assert of(found, "vlmtui").status == "ok"


def test_a_password_in_an_address_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://me:zebra@mirror.example")
    monkeypatch.setenv("HF_TOKEN", "zebra-of-no-known-kind")
    monkeypatch.setattr(examination, "LOOKS", (("downloads", downloads.findings),))
    assert run(["doctor"]) == 0
    assert run(["doctor", "--json"]) == 0
    told = capsys.readouterr().out
    assert "mirror.example" in told
    assert "zebra" not in told


def test_what_a_board_tells_of_itself_is_shown_as_text() -> None:
    report = doctor.as_text([Finding("board", "ok", "evil\x1b]0;name\x07\nboard")])
    assert "\x1b" not in report
    assert "\x07" not in report


# ------------------------------------------------------------------------------- boards


@pytest.mark.parametrize(
    ("name", "l4t"), [("orin-nano", "JetPack 6"), ("thor", "JetPack 7"), ("agx-orin", "JetPack")]
)
def test_a_board_is_named_with_its_jetpack(root: Board, name: str, l4t: str) -> None:
    BOARDS[name](root.root)
    found = board.findings()
    assert "Jetson" in of(found, "board").value
    assert l4t in of(found, "JetPack").value
    assert "Jetson" in of(found, "live readings").value


def test_a_slow_power_mode_comes_with_the_command_that_changes_it(root: Board) -> None:
    BOARDS["orin-nano"](root.root)
    root.write("/var/lib/nvpmodel/status", "pmode:0000")
    mode = of(board.findings(), "power mode")
    assert mode.value == "15W"
    assert "`sudo nvpmodel -m 2` (MAXN_SUPER)" in mode.advice


def test_modes_without_a_fastest_are_listed_with_their_numbers(root: Board) -> None:
    BOARDS["xavier-nx"](root.root)
    root.write(
        "/etc/nvpmodel.conf",
        "< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >\n< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >",
    )
    root.write("/var/lib/nvpmodel/status", "pmode:0000")
    mode = of(board.findings(), "power mode")
    assert "0 MODE_15W_2CORE, 8 MODE_20W_6CORE" in mode.advice


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("agx-orin", "JetPack 6 has a newer Python"),
        ("xavier-nx", "newest for this board"),
        ("nano", "newest for this board"),
    ],
)
def test_only_a_board_that_can_take_a_newer_jetpack_is_told_to(
    root: Board, name: str, advice: str
) -> None:
    BOARDS[name](root.root)
    assert advice in of(board.findings(), "JetPack").advice


def test_the_bandwidth_is_that_of_the_power_mode(root: Board) -> None:
    BOARDS["orin-nano"](root.root).power_mode(0)
    assert of(memory.findings(), "bandwidth").value.startswith("68.3 GB/s")


def test_a_board_whose_every_file_is_broken_gives_findings_and_no_failure(root: Board) -> None:
    BOARDS["broken"](root.root)
    assert of(board.findings(), "board").value
    assert memory.findings()
    assert software.findings()


def test_a_machine_that_is_no_jetson_has_no_jetpack(root: Board) -> None:
    assert not [finding for finding in board.findings() if finding.name == "JetPack"]


# ------------------------------------------------------------------------------- llama.cpp


def build(monkeypatch: pytest.MonkeyPatch, output: str, code: int = 0, error: str = "") -> None:
    """llama.cpp's process prints this."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, output, error)

    monkeypatch.setattr(llama.subprocess, "run", run)


CPU = '{"version": "0.3.36", "gpu": false, "system": "CPU : NEON = 1 | ", "vision": "<__media__>"}'
CUDA = (
    '{"version": "0.3.36", "gpu": true, "vision": "<__media__>",'
    ' "system": "CUDA : ARCHS = 720,870 | CPU : NEON = 1 | "}'
)


def test_this_machines_llama_cpp_loads_and_sees_pictures() -> None:
    found = llama.findings()
    assert of(found, "libmtmd (vision)").status == "ok"
    assert of(found, "llama-cpp-python").value.startswith("0.3")


def test_a_board_without_cuda_in_llama_cpp_gets_the_exact_command(
    root: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    jetson(root, "tegra234")
    build(monkeypatch, CPU)
    gpu = of(llama.findings(), "GPU")
    assert gpu.status == "warn"
    assert "-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=87" in gpu.advice
    assert sys.executable in gpu.advice


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("orin-nano", 87), ("agx-orin", 87), ("xavier-nx", 72), ("thor", 110)],
)
def test_each_boards_command_can_be_pasted_as_it_is(
    root: Board, monkeypatch: pytest.MonkeyPatch, name: str, architecture: int
) -> None:
    BOARDS[name](root.root)
    root.write("/proc/meminfo", "MemTotal: 4100000 kB\nMemAvailable: 900000 kB")
    build(monkeypatch, CPU)
    monkeypatch.setattr(llama.sys, "executable", "/home/a b/bin/python")
    advice = of(llama.findings(), "GPU").advice
    assert "`sudo apt install nvidia-jetpack`" in advice  # there is no nvcc
    root.write("/usr/local/cuda/bin/nvcc", "#!/bin/sh\n")
    (root.root / "usr/local/cuda/bin/nvcc").chmod(0o755)
    advice = of(llama.findings(), "GPU").advice
    words = shlex.split(advice.removeprefix("Build it with CUDA: "))
    assert words == [
        f"CMAKE_ARGS=-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES={architecture}",
        "CUDACXX=/usr/local/cuda/bin/nvcc",
        "CMAKE_BUILD_PARALLEL_LEVEL=1",
        "/home/a b/bin/python",
        *["-m", "pip", "install", "--force-reinstall", "--no-cache-dir", "--no-deps"],
        *["--no-binary", "llama-cpp-python"],
        f"llama-cpp-python=={metadata.version('llama-cpp-python')}",
    ]


def test_an_environment_without_pip_gets_the_command_of_uv(
    root: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    jetson(root, "tegra234")
    build(monkeypatch, CPU)
    monkeypatch.setattr(llama, "find_spec", lambda name: None)
    assert f"uv pip install --python {sys.executable} --reinstall" in llama.reinstall(87)


def test_thor_is_called_otherwise_by_cuda_12(root: Board) -> None:
    jetson(root, "tegra264")
    root.write("/usr/local/cuda/bin/nvcc", "#!/bin/sh\necho release 12.8, V12.8.1\n")
    (root.root / "usr/local/cuda/bin/nvcc").chmod(0o755)
    assert llama.cuda_architecture(Sysroot()) == 101


def test_a_board_whose_cuda_is_too_old_isnt_told_to_build_with_it(
    root: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    BOARDS["nano"](root.root)
    build(monkeypatch, CPU)
    gpu = of(llama.findings(), "GPU")
    assert gpu.status == "info"
    assert "needs CUDA 11" in gpu.value
    assert "CMAKE" not in gpu.advice
    root.write("/proc/device-tree/compatible", b"pc\0")
    root.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA Kernel Module  440.33")
    monkeypatch.setattr(llama, "nvcc_version", lambda _: "10.2")
    assert "needs CUDA 11" in of(llama.findings(), "GPU").value


@pytest.mark.parametrize(
    ("name", "architecture"), [("xavier-nx", 72), ("agx-orin", 87), ("thor", 110)]
)
def test_a_container_that_hides_the_device_tree_still_knows_the_architecture(
    root: Board, name: str, architecture: int
) -> None:
    BOARDS[name](root.root)
    root.remove("/proc/device-tree")
    root.remove("/sys/firmware")
    assert llama.cuda_architecture(Sysroot()) == architecture


def test_a_board_without_cudas_compiler_is_told_how_to_get_it(root: Board) -> None:
    BOARDS["thor"](root.root)
    cuda = of(software.findings(), "CUDA")
    assert cuda.value == "no compiler"
    assert "nvidia-jetpack" in cuda.advice


def test_cuda_for_another_gpu_is_noticed(root: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    jetson(root, "tegra264")
    build(monkeypatch, CUDA)
    gpu = of(llama.findings(), "GPU")
    assert gpu.status == "warn"
    assert "built for 72, 87, but this GPU is 110" in gpu.value


def test_cuda_for_this_gpu_is_fine(root: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    jetson(root, "tegra234")
    build(monkeypatch, CUDA)
    assert of(llama.findings(), "GPU").status == "ok"


def test_a_pc_with_a_gpu_lets_the_compiler_find_its_architecture(root: Board) -> None:
    root.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA Kernel Module  550.90.07")
    assert llama.cuda_architecture(Sysroot()) == "native"


def test_a_build_without_vision_fails_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    build(
        monkeypatch,
        '{"version": "0.3.36", "gpu": false, "system": "", "vision_error": "no libmtmd.so"}',
    )
    vision = of(llama.findings(), "libmtmd (vision)")
    assert vision.status == "fail"
    assert "no libmtmd.so" in vision.value
    assert "--no-binary llama-cpp-python" in vision.advice


@pytest.mark.parametrize(("output", "code"), [("", 1), ("garbage", 0), ("", -11)])
def test_a_llama_cpp_that_doesnt_load_fails_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, output: str, code: int
) -> None:
    build(monkeypatch, output, code, "Traceback\nOSError: libcudart.so.12: cannot open\n")
    found = llama.findings()
    assert found[0].status == "fail"
    assert "libcudart.so.12" in found[0].value


def test_a_llama_cpp_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "_QUESTION", "import time; time.sleep(600)")
    monkeypatch.setattr(llama, "TIMEOUT_S", 0.2)
    assert "didn't load within" in llama.findings()[0].value


# ------------------------------------------------------------------------------- memory, terminal


def test_zram_on_a_board_is_advised_against(root: Board) -> None:
    jetson(root, "tegra234")
    root.write("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\nSwapTotal: 400 kB")
    root.write("/proc/swaps", "Filename Type\n/dev/zram0 partition")
    swap = of(memory.findings(), "swap")
    assert swap.status == "warn"
    assert "nvzramconfig" in swap.advice


def test_little_memory_is_a_warning(root: Board) -> None:
    root.write("/proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 900000 kB")
    found = memory.findings()
    assert of(found, "memory").status == "warn"
    assert of(found, "swap").status == "warn"


def test_a_dumb_terminal_is_told_of_the_plain_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "--plain" in of(terminal.findings(), "colours").advice


def test_tmux_inside_ssh_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 1 10.0.0.1 22")
    assert of(terminal.findings(), "in between").value == "tmux inside SSH"


# ------------------------------------------------------------------------------- files


def test_a_damaged_database_is_found(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "chats.db").write_bytes(b"SQLite format 3\0" + b"garbage" * 200)
    database = of(store.findings(), "database")
    assert database.status == "fail"
    assert "chats.db" in database.value


def test_a_pipe_in_the_place_of_the_database_is_told(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    os.mkfifo(home / "data" / "chats.db")
    assert "not a regular file" in of(store.findings(), "database").value


def test_a_newer_database_is_told_from_a_damaged_one(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    with sqlite3.connect(home / "data" / "chats.db") as database:
        database.execute("CREATE TABLE chats (id INTEGER)")
        database.execute("PRAGMA user_version = 999")
    database.close()
    assert "newer vlmtui" in of(store.findings(), "database").value


def test_looking_at_the_database_doesnt_change_it(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    path = home / "data" / "chats.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE chats (id INTEGER)")
    database.close()
    before = path.read_bytes()
    assert of(store.findings(), "database").value.startswith("0 chats")
    assert path.read_bytes() == before


# ------------------------------------------------------------------------------- the bundle


def test_the_bundle_has_findings_logs_and_settings_but_no_chats_and_no_secrets(
    home: Path, tmp_path: Path
) -> None:
    for directory in ("data", "state", "config"):
        (home / directory).mkdir(parents=True)
    (home / "data" / "chats.db").write_bytes(b"what the user said")
    (home / "state" / "engine-17.log").write_text(
        "loading\nAuthorization: Bearer abcdef0123456789\nHF_TOKEN=hf_abcdefghijklmnop\n"
        "fetching https://me:secret@example.org/model\n"
    )
    (home / "config" / "config.toml").write_text(
        'api_key = "sk-1234567890abcdef"\nmax_tokens = 512\nsystem = """You know\nabout Anna."""\n'
        "[presets.mine]\nsystem = 'Speak of Berta'\nabout = \"for Clara\"\n"
    )
    (home / "state" / "vlmtui.log").write_text(
        "InputError: '/home/x/Anna at home.jpg' is too large\n"
    )
    target = tmp_path / "report.zip"
    assert run(["doctor", "--bundle", str(target)]) in (0, 1)
    with zipfile.ZipFile(target) as bundled:
        names = set(bundled.namelist())
        content = "\n".join(bundled.read(name).decode() for name in names)
    assert names == {"doctor.txt", "doctor.json", "engine-17.log", "config.toml", "vlmtui.log"}
    assert "loading" in content
    assert "max_tokens = 512" in content
    secrets = ("abcdef0123456789", "hf_abc", "me:secret", "sk-123", "what the user said")
    for secret in (*secrets, "Anna", "Berta", "Clara"):
        assert secret not in content


def test_a_long_log_is_cut_between_lines_so_that_no_half_of_a_secret_stands_alone(
    home: Path, tmp_path: Path
) -> None:
    (home / "state").mkdir(parents=True)
    rest = "a line\n" * (bundle._TAIL_BYTES // 7)
    (home / "state" / "vlmtui.log").write_text(f"begin\ntoken=zebra-zebra\n{rest}")
    assert len(rest) < bundle._TAIL_BYTES < len(rest) + 7
    written = bundle.write_bundle([], tmp_path / "x.zip")
    with zipfile.ZipFile(written) as bundled:
        log = bundled.read("vlmtui.log").decode()
    assert log.startswith("a line\n")


def test_a_bundle_goes_to_standard_output_alone(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["doctor", "--bundle", "-"]) in (0, 1)
    with zipfile.ZipFile(io.BytesIO(capfdbinary.readouterr().out)) as bundled:
        assert "doctor.txt" in bundled.namelist()
    assert not (tmp_path / "-").exists()


def test_a_bundle_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "report.zip"
    target.write_text("mine")
    assert run(["doctor", "--bundle", str(target)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert target.read_text() == "mine"


@pytest.mark.parametrize("place", ["file/x.zip", "nowhere/x.zip", "secret/x.zip"])
def test_a_bundle_that_cant_be_written_is_told_in_a_sentence(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with TemporaryDirectory(dir="/tmp") as directory:  # TMPDIR may be closed to others as a whole
        base = Path(directory)
        base.chmod(0o755)
        (base / "file").touch()
        (base / "secret").mkdir(mode=0)
        with unprivileged(), pytest.raises(InputError, match="can't be written"):
            bundle.write_bundle([], base / place)


def test_the_json_of_a_bundle_is_json_whatever_is_taken_out_of_it(tmp_path: Path) -> None:
    tricky = Finding("b", "fail", 'token: "a \\" b", {"password": "x\\"y"} /p/"my cat.jpg"')
    written = bundle.write_bundle([tricky], tmp_path / "x.zip")
    with zipfile.ZipFile(written) as bundled:
        told = json.loads(bundled.read("doctor.json"))
    assert told["findings"][0]["name"] == "b"
    assert "cat" not in told["findings"][0]["value"]


def test_a_measured_bandwidth_is_kept_for_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlmtui.hardware import bandwidth

    assert of(memory.findings(), "bandwidth").status == "info"
    real = bandwidth.measure
    monkeypatch.setattr(bandwidth, "measure", lambda _: real(0.05, 1 << 20))
    assert run(["doctor", "--bandwidth"]) == 0
    assert "as the processor reads it" in capsys.readouterr().out
    monkeypatch.setattr(bandwidth, "_machine", lambda: "another")
    assert bandwidth.known(Snapshot(time=0)) is None


# ------------------------------------------------------------------------------- a real terminal


@pytest.mark.parametrize(
    ("reply", "pictures"),
    [
        ("\x1b[?62;4;22c", "real pixels (sixel)"),
        ("\x1b[?62;22c", "half blocks"),
        ("", "half blocks"),
    ],
)
def test_the_terminal_is_asked_how_it_shows_pictures(
    reply: str, pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    terminal = Terminal([sys.executable, "-m", "vlmtui", "doctor"])
    try:
        terminal.read_until(r"\x1b\[c")
        if reply:
            terminal.send("\x1b[6;20;10t" + reply)
            if "4;" in reply:
                terminal.read_until(r"\x1b\[\?2;1;0S")
                terminal.send("\x1b[?1;0;256S\x1b[?2;0;1000;1000S" + reply)
        terminal.end()
    finally:
        terminal.close()
    assert pictures in terminal.seen


# ------------------------------------------------------------------------------------------ models


def test_models_are_counted_by_place_and_broken_ones_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    HuggingFace(tmp_path / "hub").put("a/b-GGUF", "tiny.gguf", headers.model())
    put(paths.models_dir() / "cut.gguf", headers.model()[:-9])
    put(paths.config_dir() / "config.toml", b'model_dirs = ["/no/such/place"]')
    put(paths.config_dir() / "models.toml", b"[x")
    found = store.findings()
    models = of(found, "models")
    assert models.value == "2 found: vlmtui 1, Hugging Face 1"
    broken = of(found, "broken model")
    assert (broken.status, "cut off" in broken.value) == ("warn", True)
    assert "/no/such/place" in of(found, "model_dirs").value
    assert "not valid TOML" in of(found, "catalogue").value


def test_many_broken_models_do_not_fill_the_report() -> None:
    for number in range(9):
        put(paths.models_dir() / f"m{number}.gguf", b"<html>")
    found = store.findings()
    assert sum(finding.name == "broken model" for finding in found) == 5
    assert of(found, "broken models").value == "4 more can't be used"


# -------------------------------------------------------------------------------------- downloads


def test_a_token_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    found = downloads.findings()
    assert of(found, "Hugging Face token").value == "present (HF_TOKEN)"
    assert of(found, "proxy").value == "set by HTTPS_PROXY"
    assert "secret" not in repr(found)


def test_without_a_token_it_says_who_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert of(downloads.findings(), "Hugging Face token").status == "info"
    put(tmp_path / "hf" / "token", b"hf_secret")
    found = of(downloads.findings(), "Hugging Face token")
    assert found.status == "ok"
    assert "secret" not in found.value


def test_the_cache_of_hugging_face_is_shown_with_its_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    found = of(downloads.findings(), "Hugging Face cache")
    assert str(tmp_path / "cache") in found.value
    assert "GB free" in found.value


def test_offline_is_shown_as_the_reason_why_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in of(downloads.findings(), "network").value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_HUB_ETAG_TIMEOUT", "abc"),
        ("HF_ENDPOINT", "garbage"),
        ("HF_HOME", "/dev/null"),
        ("ALL_PROXY", "socks4://h:1"),
        ("SSL_CERT_FILE", "/absent.pem"),
    ],
)
def test_a_variable_that_keeps_downloads_from_working_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv(name, value)
    found = of(downloads.findings(), "environment")
    assert found.status == "fail"
    assert name in found.value


def test_a_proxy_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:1")
    found = downloads.findings()
    assert of(found, "proxy").value == "set by ALL_PROXY"
    assert not any(finding.name == "environment" for finding in found)
    assert "secret" not in str(found)
