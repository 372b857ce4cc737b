"""Programs beside src/ that no other test runs, as drawing the screenshots and the training."""

import ast
import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.processes import ROOT

PROGRAMS = [
    file for folder in ("bench", "screenshots", "training") for file in (ROOT / folder).glob("*.py")
]


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "vlmtui":
            yield from ((node.module or "", name.name) for name in node.names)


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_it_imports_of_vlmtui_exists(file: Path) -> None:
    for module, name in imported(ast.parse(file.read_text(encoding="utf-8"))):
        found = importlib.import_module(module)
        assert hasattr(found, name) or find_spec(f"{module}.{name}"), f"{module}: {name}"
