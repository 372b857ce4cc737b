"""The CPU image, built for real and asked a question."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docker" / "check.sh"

_MISSING = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]


@pytest.mark.slow
@pytest.mark.trained
@pytest.mark.timeout(1800)
@pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")
@pytest.mark.skipif(os.geteuid() != 0, reason="a container without a Docker engine needs root")
def test_the_demo_model_answers_in_the_image_and_not_as_root(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(SCRIPT), str(tmp_path / "work")],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "as vlmtui" in done.stderr
    assert "circle" in done.stdout.lower() or "square" in done.stdout.lower()
