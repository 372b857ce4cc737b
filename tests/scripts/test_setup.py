"""`make` on a machine that isn't ready yet: what scripts/setup says when packages can't be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Checkout:
    """A copy of what setting up reads, and the index that pip asks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("constraints.txt", "pyproject.toml", "README.md", "LICENSE", "scripts/setup"):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        return subprocess.run(
            ["scripts/setup", "core"],
            cwd=self.directory,
            env={
                **clean,
                "PYTHON": sys.executable,
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_CACHE_DIR": "1",
                "PIP_RETRIES": "1",
                **variables,
            },
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


def wheel(directory: Path, name: str, version: str) -> None:
    """An empty package that can be installed."""
    directory.mkdir(exist_ok=True)
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{about}/METADATA", f"Name: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


def fits(said: str) -> bool:
    """Whether a terminal of 80 columns breaks no line of it."""
    return all(len(line) < 80 for line in said.splitlines())


def test_an_index_out_of_reach_is_told_in_a_sentence(checkout: Checkout) -> None:
    done = checkout.set_up(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert "the package index can't be reached" in done.stderr
    assert "PIP_INDEX_URL=" in done.stderr
    assert fits(done.stderr)
    assert "Traceback" not in done.stderr
    assert not (checkout.directory / ".venv/.ready-core").exists()


def test_what_builds_is_constrained_too(checkout: Checkout, tmp_path: Path) -> None:
    wheel(tmp_path / "served", "hatchling", "99.0")
    done = checkout.set_up(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "served"))
    assert done.returncode == 1
    assert "the package index has no hatchling==1." in done.stderr
    assert fits(done.stderr)
