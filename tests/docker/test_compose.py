"""What `docker/compose.yaml` says; no Docker reads it here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).parents[2] / "docker"


@pytest.fixture
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    found: dict[str, Any] = loaded["services"]
    return found


def test_each_service_has_terminal_models_chats_and_the_callers_pictures(
    services: dict[str, Any],
) -> None:
    assert set(services) == {"vlmtui", "jetson", "cuda"}
    for service in services.values():
        assert service["tty"]
        assert service["stdin_open"]
        # a plain "." would be the directory that compose.yaml lies in
        assert {"models:/models", "data:/data", "${IMAGES:-${PWD}}:/images:ro"} <= set(
            service["volumes"]
        )
        assert (DOCKER.parent / service["build"]["dockerfile"]).is_file()
        assert service["environment"]["HF_TOKEN"] is None


def test_the_boards_service_has_the_runtime_and_what_tells_of_the_board(
    services: dict[str, Any],
) -> None:
    jetson = services["jetson"]
    assert jetson["runtime"] == "nvidia"
    assert jetson["environment"]["NVIDIA_DRIVER_CAPABILITIES"] == "all"
    # the defaults are those of the Dockerfile
    stated = (DOCKER / "Dockerfile.jetson").read_text()
    for name, value in jetson["build"]["args"].items():
        default = value.removeprefix(f"${{{name}:-").removesuffix("}")
        assert f"\nARG {name}={default}\n" in stated
    mounted = {volume.split(":")[0] for volume in jetson["volumes"]}
    assert {"/etc/nv_tegra_release", "/etc/nvpmodel.conf", "/var/lib/nvpmodel"} <= mounted
