"""What `docker/run.sh` would run on several machines."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docker" / "run.sh"


def command(root: Path, *arguments: str, **environment: str) -> list[str]:
    """The command line that would start the container; this machine's own Docker isn't asked."""
    machine = {"VLMTUI_SYSROOT": str(root), "DRY_RUN": "1", "DOCKER": "not-installed"}
    variables = os.environ | machine | environment
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        env=variables,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return shlex.split(done.stdout)


def file(root: Path, path: str, content: bytes = b"\n") -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def values(words: list[str], option: str) -> list[str]:
    return [words[i + 1] for i, word in enumerate(words) if word == option]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/nv_tegra_release", b"# R36 (release)\n"),
        ("proc/device-tree/compatible", b"nvidia,p3768\0nvidia,tegra234\0"),
    ],
)
def test_a_jetson_gets_nvidias_runtime_and_not_gpus_all(
    tmp_path: Path, path: str, content: bytes
) -> None:
    file(tmp_path, path, content)
    words = command(tmp_path)
    assert values(words, "--runtime") == ["nvidia"]
    assert "NVIDIA_DRIVER_CAPABILITIES=all" in values(words, "--env")
    assert "--gpus" not in words


def test_what_tells_of_the_board_is_mounted_where_it_exists(tmp_path: Path) -> None:
    file(tmp_path, "etc/nv_tegra_release")
    mounted = values(command(tmp_path), "--volume")
    assert "/etc/nv_tegra_release:/etc/nv_tegra_release:ro" in mounted
    assert not any("nvpmodel" in volume for volume in mounted)


def test_a_pc_with_an_nvidia_gpu_gets_all_gpus(tmp_path: Path) -> None:
    file(tmp_path, "proc/driver/nvidia/version")
    words = command(tmp_path)
    assert values(words, "--gpus") == ["all"]
    assert "--runtime" not in words


def test_a_machine_without_a_gpu_asks_for_none(tmp_path: Path) -> None:
    words = command(tmp_path)
    assert "--gpus" not in words
    assert "--runtime" not in words


def test_models_and_chats_are_on_volumes_and_pictures_are_read_only(tmp_path: Path) -> None:
    pictures = tmp_path / "my pictures"
    pictures.mkdir()
    volumes = values(command(tmp_path, IMAGES=str(pictures), MODELS="/srv/models"), "--volume")
    assert volumes == ["/srv/models:/models", "vlmtui-data:/data", f"{pictures}:/images:ro"]


def test_arguments_reach_vlmtui_as_they_are(tmp_path: Path) -> None:
    words = command(tmp_path, "ask", "--image", "a b.jpg", "What's this?", IMAGE="vlmtui:test")
    assert words[-5:] == ["vlmtui:test", "ask", "--image", "a b.jpg", "What's this?"]


def test_secrets_are_passed_by_name_and_not_shown(tmp_path: Path) -> None:
    words = command(tmp_path, HF_TOKEN="hf_secret")
    assert "HF_TOKEN" in values(words, "--env")
    assert not any("hf_secret" in word for word in words)


def refused(root: Path, **environment: str) -> str:
    """What it complains of."""
    done = subprocess.run(
        [str(SCRIPT)],
        env=os.environ | {"VLMTUI_SYSROOT": str(root), "DRY_RUN": "1"} | environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def engine(
    base: Path, name: str, version: str = "Docker version 27", runtimes: str | None = "runc"
) -> str:
    """The path of an engine that is installed; without runtimes its daemon doesn't run."""
    told = {each: {"path": each} for each in (runtimes or "").split()}
    info = f"echo '{json.dumps(told)}'" if told else "exit 1"
    program = base / name
    program.write_text(
        f"""#!/bin/sh
case "$1" in --version) echo '{version}' ;; info) {info} ;; esac
"""
    )
    program.chmod(0o755)
    return str(program)


def test_without_docker_it_says_what_to_do(tmp_path: Path) -> None:
    assert "Install Docker" in refused(tmp_path, DOCKER="no-such-docker", DRY_RUN="")


def test_podman_gets_the_gpu_by_its_description(tmp_path: Path) -> None:
    file(tmp_path, "proc/driver/nvidia/version")
    for podman in (engine(tmp_path, "podman"), engine(tmp_path, "docker", "podman version 4.9")):
        assert "nvidia-ctk cdi generate" in refused(tmp_path, DOCKER=podman)
    file(tmp_path, "etc/cdi/nvidia.yaml")
    for podman in (engine(tmp_path, "podman"), engine(tmp_path, "docker", "podman version 4.9")):
        words = command(tmp_path, DOCKER=podman)
        assert values(words, "--device") == ["nvidia.com/gpu=all"]
        assert "--gpus" not in words
        assert "--runtime" not in words


def test_podman_is_taken_where_there_is_no_docker(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "grep", "realpath"):
        (programs / name).symlink_to(shutil.which(name) or "")
    engine(programs, "podman")
    assert command(tmp_path, PATH=str(programs), DOCKER="")[0] == "podman"
    engine(programs, "docker")
    assert command(tmp_path, PATH=str(programs), DOCKER="")[0] == "docker"


def test_a_jetson_whose_docker_lacks_the_runtime_uses_the_description_or_says_what_to_do(
    tmp_path: Path,
) -> None:
    file(tmp_path, "etc/nv_tegra_release", b"# R38 (release)\n")
    complete = engine(tmp_path, "complete", runtimes="io.containerd.runc.v2 nvidia runc")
    assert values(command(tmp_path, DOCKER=complete), "--runtime") == ["nvidia"]
    silent = engine(tmp_path, "silent", runtimes=None)  # a daemon that doesn't run
    assert values(command(tmp_path, DOCKER=silent), "--runtime") == ["nvidia"]
    plain = engine(tmp_path, "plain", runtimes="io.containerd.runc.v2 runc")
    assert "nvidia-ctk runtime configure" in refused(tmp_path, DOCKER=plain)
    file(tmp_path, "var/run/cdi/nvidia.yaml")
    words = command(tmp_path, DOCKER=plain)
    assert values(words, "--device") == ["nvidia.com/gpu=all"]
    assert "--runtime" not in words


def test_a_boards_power_modes_are_mounted_with_their_names(tmp_path: Path) -> None:
    for path in ("etc/nv_tegra_release", "etc/nvpmodel.conf", "var/lib/nvpmodel/status"):
        file(tmp_path, path)
    mounted = values(command(tmp_path), "--volume")
    assert "/etc/nvpmodel.conf:/etc/nvpmodel.conf:ro" in mounted
    assert "/var/lib/nvpmodel:/var/lib/nvpmodel:ro" in mounted


def test_directories_become_absolute_and_names_stay_volumes(tmp_path: Path) -> None:
    mounted = values(command(tmp_path, MODELS="./my models", DATA="chats"), "--volume")
    assert f"{tmp_path.resolve()}/my models:/models" in mounted
    assert "chats:/data" in mounted


def test_a_directory_of_pictures_that_isnt_there_is_told(tmp_path: Path) -> None:
    assert "there is no directory" in refused(tmp_path, IMAGES=str(tmp_path / "nowhere"))
