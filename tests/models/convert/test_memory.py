"""An import takes little memory, however large the checkpoint is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.models.convert import checkpoints
from tests.models.convert.checkpoints import Shape

_MEASURED = """
import resource, sys
from pathlib import Path
from vlmtui.models.convert import building, checkpoint, writer
source, target = map(Path, sys.argv[1:])
built = building.build(checkpoint.recognise(source), "m", "f16")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
writer.write(target, built.model, lambda *_: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, built.model.size)
"""


def test_a_tensor_is_never_held_whole_that_need_not_be(tmp_path: Path) -> None:
    """The embeddings alone are larger than what an import takes."""
    shape = Shape(width=2048, feed_forward=1024, layers=1, heads=16, kv_heads=16)
    made = checkpoints.text_model(tmp_path / "m", layout="gemv_fast", shape=shape, spare=9_000)
    command = [sys.executable, "-c", _MEASURED, str(made.folder), str(tmp_path / "m.gguf")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    taken, size = map(int, told.stdout.split())
    assert size > 75_000_000
    assert taken < 60_000_000
