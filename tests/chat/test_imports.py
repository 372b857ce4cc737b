"""The chat is ready before anything heavy is imported."""

from __future__ import annotations

from tests.processes import child

HEAVY = {
    "PIL", "psutil", "pynvml", "huggingface_hub", "numpy", "llama_cpp", "textual", "rich", "jinja2"
}  # fmt: skip

LIST = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_session_and_a_monitor_are_imported_without_anything_heavy() -> None:
    for name in ("vlmtui.chat.session", "vlmtui.hardware.monitor", "vlmtui.settings"):
        with child(LIST, name) as process:
            assert HEAVY.isdisjoint(process.read().split()), name
