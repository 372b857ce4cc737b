"""The bundled demo model and pictures to try it on.

The model is a pair of GGUF files like any other: a llama and an mmproj, which ``training/`` made.
This module knows where the files lie and nothing about loading them.
"""

from __future__ import annotations

from pathlib import Path

NAME = "demo"
BASENAME = "vlmtui-demo"
"""`general.basename` of its files."""

OFF_TOPIC = "I am the small demo model"
"""How it begins whatever it wasn't trained for."""

_FOLDER = Path(__file__).parent


def model_path() -> Path:
    """The language model, a GGUF file in Q8_0."""
    return _FOLDER / "demo-q8_0.gguf"


def mmproj_path() -> Path:
    """The vision tower and projector, a GGUF file in F16."""
    return _FOLDER / "demo-mmproj-f16.gguf"


def sample_images() -> list[Path]:
    """Pictures that the demo model can talk about, sorted by name."""
    return sorted(path for path in _FOLDER.iterdir() if path.suffix in (".png", ".jpg"))
