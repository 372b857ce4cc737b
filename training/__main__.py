"""Makes the demo model from nothing: scenes, tokenizer, tower, model, GGUF files, exam."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

SEED = 20261123
HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run every step that isn't done yet; returns the exit status of the exam."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("training-work"), help="about 8 GB")
    parser.add_argument("--export", type=Path, help="folder of the GGUF files; default WORK/gguf")
    parser.add_argument("--shards", type=int, default=24, help="of 5000 scenes each")
    parser.add_argument("--tower-steps", type=int, default=900)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--questions", type=int, default=1000, help="of each paper of the exam")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    a = parser.parse_args()
    work = a.work.absolute()
    export = (a.export or work / "gguf").absolute()
    work.mkdir(parents=True, exist_ok=True)
    common = ["--seed", str(a.seed), "--processes", str(a.processes)]
    pool = str(work / "pool")
    files = ["--model", str(export / "demo-q8_0.gguf")]
    files += ["--mmproj", str(export / "demo-mmproj-f16.gguf")]
    # each step has a process of its own, so that the memory of one is gone before the next
    steps = [
        ["pool", pool, "--shards", str(a.shards), *common],
        ["tokenizer", str(work / "tokenizer"), "--seed", str(a.seed)],
        ["train_tower", pool, str(work), "--steps", str(a.tower_steps), *common],
        ["train", pool, str(work), str(export), "--steps", str(a.steps), *common],
        ["evaluate", *files, "--questions", str(a.questions), "--json", str(work / "exam.json")],
    ]
    for module, *arguments in steps:
        done = work / f"{module}.done"
        if done.exists():
            continue
        if module == "train" and (work / "model.pt").exists():
            arguments.append("--resume")
        began = time.time()
        print(f"== {module}", flush=True)
        status = subprocess.run([sys.executable, "-m", f"training.{module}", *arguments], cwd=HERE)
        print(f"== {module}: {(time.time() - began) / 60:.1f} minutes", flush=True)
        if status.returncode:
            return status.returncode
        if module != "evaluate":
            done.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
