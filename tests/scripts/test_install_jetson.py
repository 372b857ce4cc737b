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

from tests.disks import fill, small_disk

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


def test_jetpack_4_is_told_that_it_is_too_old_and_what_runs_there(
    machine: Machine, run: Run
) -> None:
    machine.board("NVIDIA Jetson Nano Developer Kit", "tegra210", "32.7.4")
    machine.cuda("10.2")
    machine.python("3.6")
    done = run("--dry-run")
    assert done.returncode == 3
    assert "JetPack 4 is too old" in done.stderr
    assert "docker/Dockerfile" in done.stderr


def test_the_systems_own_python_comes_before_a_newer_one_beside_it(
    machine: Machine, run: Run
) -> None:
    machine.python("3.12")
    machine.python("3.10")
    (machine.root / "usr/bin/python3").symlink_to("python3.10")
    assert str(machine.root / "usr/bin/python3 ") in run("--dry-run").stdout
    (machine.root / "usr/bin/python3").unlink()
    machine.python("3.8")
    (machine.root / "usr/bin/python3").symlink_to("python3.8")
    assert str(machine.root / "usr/bin/python3.12") in run("--dry-run").stdout


def test_a_cuda_that_cant_compile_llama_cpp_is_refused(machine: Machine, run: Run) -> None:
    machine.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n")
    machine.cuda("10.2")
    machine.python("3.12")
    assert "CUDA 10.2 is too old" in run("--dry-run").stderr
    assert run("--dry-run", "--cpu").returncode == 0


def test_a_board_that_calls_itself_in_control_characters_is_shown_as_text(
    machine: Machine, run: Run
) -> None:
    machine.board("evil\x1b]0;name\x07\nboard", "tegra234", "36.4.3")
    assert "\x1b" not in run("--dry-run").stdout


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


class Installation:
    """Runs with stand-ins for Python and pip, which note their step and fail when told to."""

    def __init__(self, run: Run, base: Path) -> None:
        self._run = run
        base.mkdir()
        self.prefix = base / "the prefix"
        self.notes = base / "notes"
        self.broken = base / "broken"
        self.broken.mkdir()
        self.python = base / "python3.11"
        self.write_python(self.python, "3.11")

    def write_python(self, path: Path, version: str) -> None:
        step = f"""
echo "$step" >> '{self.notes}'
if [ -e '{self.broken}'/"${{step%% *}}" ]; then cat '{self.broken}'/"${{step%% *}}"; exit 1; fi
"""
        pip = f"""#!/bin/sh
case "$*" in *llama-cpp-python==*) step=llama ;; *) step=vlmtui ;; esac
{step}
"""
        path.with_name("pip").write_text(pip)
        path.write_text(
            f"""#!/bin/sh
case "$*" in *version_info*) echo {version} ;; esac
case "$*" in *"-m venv"*) ;; *) exit 0 ;; esac
for prefix in "$@"; do :; done
step=venv
case "$*" in *--clear*) step="venv --clear"; rm -rf "$prefix" ;; esac
{step}
mkdir -p "$prefix/bin"
cp '{path.with_name("pip")}' "$prefix/bin/pip"
cp "$0" "$prefix/bin/python"
printf '#!/bin/sh\necho "$*" >> "{self.notes}"\n' > "$prefix/bin/vlmtui"
chmod +x "$prefix/bin/"*
"""
        )
        path.chmod(0o755)

    def run(self, *options: str, python: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run(
            "--prefix", str(self.prefix), "--python", str(python or self.python), *options
        )

    def steps(self) -> list[str]:
        """What was done since the last question."""
        steps = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return steps


@pytest.fixture
def installation(run: Run, tmp_path: Path) -> Installation:
    return Installation(run, tmp_path / "a b")


def test_all_is_installed_and_looked_at_and_the_command_linked(
    installation: Installation, tmp_path: Path
) -> None:
    done = installation.run()
    assert done.returncode == 0, done.stderr
    assert installation.steps() == ["venv", "llama", "vlmtui", "doctor"]
    link = tmp_path / "home/.local/bin/vlmtui"
    assert link.resolve() == installation.prefix / "bin/vlmtui"


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("venv", ["venv"], ["venv --clear", "llama", "vlmtui", "doctor"]),
        ("llama", ["venv", "llama"], ["llama", "vlmtui", "doctor"]),
        ("vlmtui", ["venv", "llama", "vlmtui"], ["vlmtui", "doctor"]),
    ],
)
def test_after_a_failure_it_goes_on_with_the_step_that_failed(
    installation: Installation, step: str, before: list[str], after: list[str]
) -> None:
    (installation.broken / step).write_text("no luck\n")
    failed = installation.run()
    assert failed.returncode == 1
    assert "no luck" in failed.stderr
    assert f"The log is {installation.prefix}.log" in failed.stderr
    assert installation.steps() == before
    (installation.broken / step).unlink()
    done = installation.run()
    assert done.returncode == 0, done.stderr
    assert installation.steps() == after


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "A disk is full"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError'",
            "without internet",
        ),
    ],
)
def test_a_full_disk_and_a_lost_network_are_named(
    installation: Installation, complaint: str, advice: str
) -> None:
    (installation.broken / "llama").write_text(f"{complaint}\n")
    assert advice in installation.run().stderr
    (installation.broken / "llama").write_text("another reason\n")
    assert advice not in installation.run().stderr  # that was the time before


def test_a_disk_too_full_for_the_log_is_named_and_it_goes_on_when_there_is_room(
    run: Run, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        installation = Installation(run, disk / "base")
        fill(disk / "ballast")
        failed = installation.run()
        assert failed.returncode == 3
        # a full disk may still take an empty directory
        assert "A disk is full" in failed.stderr or "can't be made" in failed.stderr
        (disk / "ballast").unlink()
        assert installation.run().returncode == 0
        assert installation.steps()[-3:] == ["llama", "vlmtui", "doctor"]


def test_what_is_installed_is_left_alone_when_it_runs_again(installation: Installation) -> None:
    installation.run()
    installation.steps()
    done = installation.run()
    assert done.returncode == 0, done.stderr
    assert installation.steps() == ["doctor"]
    assert done.stdout.count("done before") == 4


def test_a_checkout_that_was_updated_is_installed_again(installation: Installation) -> None:
    installation.run()
    installation.steps()
    long_ago = 1_000_000_000
    os.utime(installation.prefix / ".done-vlmtui", (long_ago, long_ago))
    installation.run()
    assert installation.steps() == ["vlmtui", "doctor"]


def test_another_python_begins_anew(installation: Installation) -> None:
    installation.run()
    other = installation.python.with_name("python3.12")
    installation.write_python(other, "3.12")
    installation.steps()
    installation.run(python=other)
    assert installation.steps() == ["venv --clear", "llama", "vlmtui", "doctor"]


def test_an_environment_that_lost_its_python_is_made_anew(installation: Installation) -> None:
    installation.run()
    (installation.prefix / "bin/python").unlink()
    installation.steps()
    installation.run()
    assert installation.steps() == ["venv --clear", "llama", "vlmtui", "doctor"]


def test_going_to_the_processor_and_back_compiles_each_time(
    installation: Installation, machine: Machine
) -> None:
    machine.board("NVIDIA Jetson Orin NX", "tegra234", "36.4.3")
    machine.cuda("12.6")
    for options in ((), ("--cpu",), ()):
        installation.steps()
        installation.run(*options)
        assert "llama" in installation.steps()


def test_a_directory_of_somebody_elses_is_not_touched(installation: Installation) -> None:
    installation.prefix.mkdir()
    (installation.prefix / "thesis.tex").write_text("mine")
    done = installation.run()
    assert done.returncode == 3
    assert "no virtual environment" in done.stderr
    assert installation.steps() == []


def test_a_place_that_cant_be_written_is_told(installation: Installation) -> None:
    (installation.prefix.parent / "the prefix").write_text("a file")
    done = installation.run()
    assert done.returncode == 3
    assert "can't be made" in done.stderr


def test_the_link_leads_there_from_a_relative_prefix_too(run: Run, tmp_path: Path) -> None:
    installation = Installation(run, tmp_path / "base")
    relative = os.path.relpath(installation.prefix, Path.cwd())
    run("--prefix", relative, "--python", str(installation.python))
    link = tmp_path / "home/.local/bin/vlmtui"
    assert link.resolve() == installation.prefix / "bin/vlmtui"


def test_it_installs_the_version_of_llama_cpp_that_is_tested() -> None:
    constraints = (SCRIPT.parents[1] / "constraints.txt").read_text()
    version = next(
        line.split("==")[1] for line in constraints.splitlines() if line.startswith("llama-cpp")
    )
    assert f"readonly llama_version={version}\n" in SCRIPT.read_text()
