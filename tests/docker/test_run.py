"""What `docker/run.sh` would run on several machines."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docker" / "run.sh"


def command(root: Path, *arguments: str, **environment: str) -> list[str]:
    """The command line that would start the container."""
    variables = os.environ | {"VLMTUI_SYSROOT": str(root), "DRY_RUN": "1"} | environment
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


def test_without_docker_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(SCRIPT)],
        env=os.environ | {"DOCKER": "no-such-docker"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "Install Docker" in done.stderr
