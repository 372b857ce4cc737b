"""The installed program as a subprocess, and pictures to ask it about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import make_model
from tests.models.hub import Hub, environment, serving
from training import scenes
from vlmtui import demo

PROGRAM = (sys.executable, "-m", "vlmtui")


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def lines(*texts: str) -> bytes:
    """What is typed into the plain chat."""
    return "".join(f"{text}\n" for text in texts).encode()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `vlmtui ARGUMENTS…` from an empty directory, and checks that nothing blew up.

    `stdin` is bytes for a pipe; by default it is empty.
    """
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def start(
        *arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> Ended:
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=120,
            cwd=folder,
            env={**os.environ, **(env or {})},
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err
        return Ended(done.returncode, out, err)

    return start


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Draws shapes into a file: `picture("red circle at left", "blue star at top")`."""

    def draw(*shapes: str, name: str = "scene.png", size: tuple[int, int] = (480, 360)) -> Path:
        placed = []
        for shape in shapes:
            named, place = shape.split(" at ")
            color, kind = named.split()
            placed.append(scenes.Shape(kind, color, scenes.PLACES.index(place), 0.8))
        path = tmp_path / name
        scenes.draw(scenes.Scene(tuple(placed)), size).save(path)
        return path

    return draw


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights, whose answer ends only when the context is full."""
    return make_model.ensure("small", tmp_path_factory.mktemp("endless")).model


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that has the demo model under another name."""
    with serving() as made:
        made.put(
            "ggml-org/Qwen2.5-VL-3B-Instruct-GGUF",
            **{
                "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf": demo.model_path().read_bytes(),
                "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf": demo.mmproj_path().read_bytes(),
            },
        )
        for name, value in environment(made, tmp_path).items():
            if name == "VLMTUI_HOME":
                continue
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        yield made
