"""Compares what is predicted of a model's memory with what the engine's process really takes.

The peak is the largest resident memory of the process (`VmHWM` of /proc/PID/status: its own pages,
and those of the model's file that it has read), over a load, a picture, a prompt of more than one
batch, and a few tokens of answer.

    python -m bench.fit                 the demo model and the shapes of 0.1 to 1 GB
    python -m bench.fit llama-0.1 demo
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bench import shapes
from vlmtui.chat.fitting import Prospect
from vlmtui.engine import images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Finished
from vlmtui.engine.engine_requests import Files, Generate, KvType, Load, Sampling
from vlmtui.messages import ImagePart, user
from vlmtui.models import library, memory
from vlmtui.models.fit import Machine

DEMO = "demo"
MEASURED = (
    DEMO,
    "llama-0.1",
    "gqa-0.2",
    "gqa-0.5-tied",
    "mqa-0.3",
    "mrope-0.2",
    "swa-0.4",
    "q4_0-0.6",
    "llama-0.3-clip-l",
    "llama-1.0",
)
PICTURE = 336
"""Side of the picture in pixels; the estimates are told of it."""

_MACHINE = Machine(free=10**15, total=10**15)  # of no account: only needs are asked for


class Measured(NamedTuple):
    """Bytes."""

    name: str
    ctx: int
    peak: int
    header: int
    """Foretold from the headers."""

    simulated: int
    """Foretold by llama.cpp's simulated load."""


def measure(name: str, folder: Path, ctx: int, kv: KvType = "f16") -> Measured:
    """Foretell and measure a shape of `shapes.SHAPES`, or the demo model."""
    prospect = Prospect.of(_load(name, folder, ctx, kv))
    setup = prospect.wanted
    picture = (PICTURE, PICTURE)
    need = memory.estimate(prospect.model, prospect.mmproj, setup, picture=picture)
    with closing(EngineClient(folder / "plan.log")) as planner:
        simulated = prospect.simulated(setup, _MACHINE, planner, picture=picture)
    with closing(EngineClient(folder / "engine.log")) as engine:
        for _ in engine.load(prospect.load):
            pass
        words = "word " * (280 if ctx > 1024 else 100)
        question = Generate(
            (user(words, (_picture(folder),)),), Sampling(temperature=0, max_tokens=3)
        )
        *_, last = engine.generate(question)
        assert isinstance(last, Finished)
        assert engine.pid is not None
        highest = peak(engine.pid)
    return Measured(name, ctx, highest, need.total.host, simulated.total.host)


def _load(name: str, folder: Path, ctx: int, kv: KvType) -> Load:
    if name == DEMO:
        demo = library.resolve(DEMO)
        return Load(Files(str(demo.path), str(demo.mmproj)), DEMO, ctx=ctx, kv=kv)
    files = shapes.write(name, folder)
    return Load(Files(str(files.model), str(files.mmproj)), name, ctx=ctx, kv=kv)


def _picture(folder: Path) -> ImagePart:
    path = folder / "picture.png"
    Image.new("RGB", (PICTURE, PICTURE), "red").save(path)
    return ImagePart(str(path), images.inspect(path).sha256, path.name, PICTURE, PICTURE)


def peak(pid: int) -> int:
    """Largest resident memory of a process so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} tells no peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=MEASURED, metavar="NAME")
    parser.add_argument("--ctx", type=int, default=2048)
    parser.add_argument("--kv", choices=memory.KV_BYTES, default="f16")
    arguments = parser.parse_args()
    print(f"{'':18}{'peak MB':>9}{'header':>9}{'':>8}{'simulated':>11}")
    for name in arguments.names:
        with tempfile.TemporaryDirectory(prefix="vlmtui-fit-") as folder:
            found = measure(name, Path(folder), arguments.ctx, arguments.kv)
        row = f"{name:18}{found.peak / 1e6:9.1f}"
        for predicted in (found.header, found.simulated):
            row += f"{predicted / 1e6:9.1f} {100 * (predicted / found.peak - 1):+6.1f}%"
        print(row, flush=True)


if __name__ == "__main__":
    main()
