"""What `scripts/install-jetson.sh` finds on several machines, and what it would do there.

The machines are directories with the files and programs that tell of them, made after what is known
of each.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "install-jetson.sh"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Machine:
    """A directory that stands for `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memory(8)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def memory(self, gib: int) -> None:
        self.write("/proc/meminfo", f"MemTotal: {gib * 1048576} kB\nSwapTotal: 0 kB\n")

    def board(self, model: str, chip: str, l4t: str = "") -> None:
        self.write("/proc/device-tree/model", f"{model}\0")
        self.write("/proc/device-tree/compatible", f"nvidia,p0000+p0000\0nvidia,{chip}\0")
        if l4t:
            major, _, revision = l4t.partition(".")
            self.write(
                "/etc/nv_tegra_release",
                f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic\n",
            )

    def cuda(self, version: str) -> None:
        self.write(
            "/usr/local/cuda/bin/nvcc",
            f"#!/bin/sh\necho 'Cuda compilation tools, release {version}, V{version}.1'\n",
            0o755,
        )

    def python(self, version: str) -> None:
        """An interpreter that says it is of this version, and can make virtual environments."""
        self.write(
            f"/usr/bin/python{version}",
            f'#!/bin/sh\ncase "$*" in *version_info*) echo {version} ;; esac\n',
            0o755,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


@pytest.fixture
def run(machine: Machine, tmp_path: Path) -> Run:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        environment = os.environ | {"VLMTUI_SYSROOT": str(machine.root), "HOME": str(home)}
        return subprocess.run(
            [str(SCRIPT), *options],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_an_orin_nano_with_jetpack_6_gets_cuda_for_architecture_87(
    machine: Machine, run: Run
) -> None:
    machine.board(
        "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit", "tegra234", "36.4.3"
    )
    machine.cuda("12.6")
    machine.python("3.10")
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "L4T 36.4.3, JetPack 6" in done.stdout
    assert "-DGGML_CUDA=on" in done.stdout
    assert "CMAKE_CUDA_ARCHITECTURES=87" in done.stdout
    assert str(machine.root / "usr/bin/python3.10") in done.stdout


def test_an_agx_orin_with_jetpack_5_is_told_that_python_38_is_too_old_and_what_to_do(
    machine: Machine, run: Run
) -> None:
    machine.board("Jetson AGX Orin Developer Kit", "tegra234", "35.4.1")
    machine.cuda("11.4")
    machine.python("3.8")
    done = run("--dry-run")
    assert done.returncode == 3
    assert "Python 3.8 is too old" in done.stderr
    assert "Flash JetPack 6" in done.stderr
    assert "--python" in done.stderr


def test_thor_with_jetpack_7_gets_architecture_110(machine: Machine, run: Run) -> None:
    machine.board("NVIDIA Jetson AGX Thor Developer Kit", "tegra264", "38.2.0")
    machine.cuda("13.0")
    machine.python("3.12")
    machine.memory(122)
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "JetPack 7" in done.stdout
    assert "CMAKE_CUDA_ARCHITECTURES=110" in done.stdout


def test_thor_was_architecture_101_before_cuda_13(machine: Machine, run: Run) -> None:
    machine.board("NVIDIA Jetson AGX Thor Developer Kit", "tegra264", "38.1.0")
    machine.cuda("12.8")
    machine.python("3.12")
    assert "CMAKE_CUDA_ARCHITECTURES=101" in run("--dry-run").stdout


def test_a_xavier_with_a_newer_python_gets_architecture_72(machine: Machine, run: Run) -> None:
    machine.board("NVIDIA Jetson Xavier NX Developer Kit", "tegra194", "35.4.1")
    machine.cuda("11.4")
    machine.python("3.8")
    machine.python("3.10")
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "CMAKE_CUDA_ARCHITECTURES=72" in done.stdout


def test_a_pc_with_an_nvidia_gpu_builds_for_the_gpu_it_has(machine: Machine, run: Run) -> None:
    machine.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n")
    machine.cuda("12.6")
    machine.python("3.12")
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "no Jetson" in done.stdout
    assert "CMAKE_CUDA_ARCHITECTURES=native" in done.stdout


def test_a_pc_without_a_gpu_builds_for_the_processor(machine: Machine, run: Run) -> None:
    machine.python("3.11")
    machine.cuda("12.6")  # the compiler alone makes no GPU
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "GGML_CUDA" not in done.stdout


def test_a_gpu_without_a_compiler_for_it_is_told_how_to_get_one(machine: Machine, run: Run) -> None:
    machine.board("NVIDIA Jetson Orin NX", "tegra234", "36.4.3")
    machine.python("3.10")
    done = run("--dry-run")
    assert done.returncode == 3
    assert "nvidia-jetpack" in done.stderr
    assert "--cpu" in done.stderr
    assert "GGML_CUDA" not in run("--dry-run", "--cpu").stdout


@pytest.mark.parametrize(("gib", "jobs"), [(4, 2), (2, 1)])
def test_compilers_that_run_at_once_fit_into_the_memory(
    machine: Machine, run: Run, gib: int, jobs: int
) -> None:
    machine.board("NVIDIA Jetson Orin Nano", "tegra234", "36.4.3")
    machine.cuda("12.6")
    machine.python("3.10")
    machine.memory(gib)
    most = min(jobs, os.cpu_count() or 1)
    assert f"CMAKE_BUILD_PARALLEL_LEVEL={most} " in run("--dry-run").stdout


def test_a_machine_without_python_is_told_what_to_install(machine: Machine, run: Run) -> None:
    done = run("--dry-run")
    assert done.returncode == 3
    assert "apt install python3" in done.stderr


def test_a_dry_run_writes_nothing(machine: Machine, run: Run, tmp_path: Path) -> None:
    machine.python("3.11")
    assert run("--dry-run").returncode == 0
    assert list((tmp_path / "home").iterdir()) == []


def test_wrong_options_are_refused(run: Run) -> None:
    assert run("--frobnicate").returncode == 2
    assert run("--prefix").returncode == 2
    assert run("--python", "/no/such/python").returncode == 3


def test_a_failed_step_names_its_log_and_is_tried_again_while_finished_ones_are_not(
    run: Run, tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    calls = tmp_path / "calls"
    python = tmp_path / "python3.11"
    # a pip that notes what it is asked, and refuses to build while `broken` exists
    (tmp_path / "pip").write_text(
        f"""#!/bin/sh
echo "$*" >> {calls}
case "$*" in *llama*) test ! -e {tmp_path}/broken ;; esac
"""
    )
    python.write_text(
        f"""#!/bin/sh
case "$*" in
*version_info*) echo 3.11 ;;
*"-m venv"*)
    echo venv >> {calls}
    mkdir -p {prefix}/bin
    cp {tmp_path}/pip {prefix}/bin/pip
    printf '#!/bin/sh\\necho "vlmtui $*" >> {calls}\\n' > {prefix}/bin/vlmtui
    chmod +x {prefix}/bin/*
    ;;
esac
"""
    )
    python.chmod(0o755)
    (tmp_path / "broken").touch()
    options = ("--prefix", str(prefix), "--python", str(python))

    failed = run(*options)
    assert failed.returncode == 1
    assert str(prefix / "install.log") in failed.stderr
    (tmp_path / "broken").unlink()
    done = run(*options)

    assert done.returncode == 0, done.stderr
    lines = calls.read_text().splitlines()
    assert lines.count("venv") == 1
    assert sum("llama-cpp-python==" in line for line in lines) == 2
    assert lines[-1] == "vlmtui doctor"
    link = tmp_path / "home/.local/bin/vlmtui"
    assert link.resolve() == prefix / "bin/vlmtui"


def test_it_installs_the_version_of_llama_cpp_that_is_tested() -> None:
    constraints = (SCRIPT.parents[1] / "constraints.txt").read_text()
    version = next(
        line.split("==")[1] for line in constraints.splitlines() if line.startswith("llama-cpp")
    )
    assert f"readonly llama_version={version}\n" in SCRIPT.read_text()
