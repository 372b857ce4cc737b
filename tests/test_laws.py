"""The laws that import-linter's static graph can't see: what a process really imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, SOURCE

INFERENCE = ("llama_cpp", "torch", "transformers", "onnxruntime", "tensorrt")
DRAWING = ("textual", "rich", "rich_pixels", "PIL")


def imported_by(code: str) -> set[str]:
    """Top-level modules in memory after a fresh interpreter ran `code`."""
    report = "import sys; print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{ROOT}"},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["chat", "--help"]])
def test_version_and_help_import_neither_textual_nor_llama_cpp(arguments: list[str]) -> None:
    names = imported_by(f"from vlmtui.cli import run; run({arguments!r})")
    assert names.isdisjoint(INFERENCE + DRAWING)


def test_ask_imports_no_terminal_library() -> None:
    """It leaves llama.cpp to the engine's process, too."""
    code = "from vlmtui.cli import run; assert run(['ask', '--max-tokens', '2', 'Hello']) == 0"
    assert imported_by(code).isdisjoint(INFERENCE + DRAWING)


def test_the_chat_imports_no_inference_library() -> None:
    """Every module of the interface, and of what it stands on."""
    code = """
import importlib, pkgutil
import vlmtui
for package in ("ui", "chat", "hardware", "storage", "models", "ask"):
    module = importlib.import_module(f"vlmtui.{package}")
    for found in pkgutil.walk_packages(module.__path__, module.__name__ + "."):
        importlib.import_module(found.name)
import vlmtui.engine.client
"""
    assert imported_by(code).isdisjoint(INFERENCE)


def test_a_chat_with_the_real_engine_imports_no_inference_library(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.engine.client import EngineClient
from vlmtui.models.library import resolve
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

home = Path({str(tmp_path)!r})
model = resolve("demo")
engine = EngineClient(home / "engine.log")
with_images = ImageStore(home / "images")
session = ChatSession(
    engine,
    ChatStore(Database(home / "chats.db")),
    with_images,
    Load(Files(str(model.path), str(model.mmproj)), model.name),
    sampling=Sampling(max_tokens=2),
)
for _ in session.model.load():
    pass
for _ in session.send("Hello"):
    pass
session.close()
engine.close()
"""
    assert imported_by(code).isdisjoint(INFERENCE)


def test_importing_a_layer_below_brings_no_drawing_library() -> None:
    code = "import vlmtui.chat.session, vlmtui.engine.client, vlmtui.models.library"
    assert imported_by(code).isdisjoint(DRAWING)


def test_the_plain_chat_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path))
    names = imported_by("from vlmtui.cli import run; assert run(['--plain']) == 0")
    assert not {name for name in names if name.split(".")[0] in ("textual", "rich")}


def test_the_first_paint_waits_for_nothing_that_it_does_not_need() -> None:
    """Neither for the database nor for pictures and parsers."""
    code = """
import asyncio, sys
from vlmtui.chat.requests import load_request
from vlmtui.settings import Settings
from vlmtui.ui.app import VlmtuiApp
from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.ui.launch import make_app

painted = None
continue_after = VlmtuiApp._after_first_paint

def after(app):
    global painted
    painted = dict(sys.modules)
    continue_after(app)

VlmtuiApp._after_first_paint = after
runtime = ChatRuntime(Settings(), load_request(Settings(), None, None), False)

async def start():
    async with make_app(runtime, Settings()).run_test() as pilot:
        while painted is None:
            await pilot.pause(0.01)

asyncio.run(start())
runtime.close()
rooms = ("vlmtui.hardware", "vlmtui.net", "vlmtui.storage.database", "vlmtui.engine.structured")
print(*(name for name in painted if name.startswith(rooms)), file=sys.stderr)
assert not any(name.startswith(rooms) for name in painted)
sys.modules = painted
"""
    late = {"sqlite3", "psutil", "huggingface_hub", "textual_image", "markdown_it", "jinja2"}
    late |= {"shlex", "ctypes", "numpy", "pygments", "httpx2", "hashlib", "json", "csv"}
    names = imported_by(code)
    assert "textual" in names
    assert names & (late | {"PIL", *INFERENCE}) == set()


def test_only_net_opens_addresses_of_the_web() -> None:
    """import-linter sees to httpx2, but takes urllib.parse and urllib.request for one."""
    source = SOURCE / "vlmtui"
    found = [
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"^\s*(import|from) (urllib\.request|http\.client)", path.read_text(), re.M)
    ]
    assert found == []
