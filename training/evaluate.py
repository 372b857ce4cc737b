"""Sits the exam through the public engine, with the GGUF files that ship.

It needs vlmtui, numpy and Pillow, and no torch: what is measured is what a user gets. Decoding is
greedy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from training.check import right
from training.exam import PAPERS, Case, exam
from vlmtui.demo import mmproj_path, model_path
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.engine.images import inspect
from vlmtui.messages import ImagePart, Message, Part, Role, TextPart

BARS = {
    "own": 0.95, "second": 0.95, "second sizes": 0.9, "second jpeg60": 0.9, "second roaming": 0.9
}  # fmt: skip
"""Least share of right answers on each paper."""


def _part(picture: Image.Image, path: Path) -> ImagePart:
    picture.save(path)
    info = inspect(path)
    return ImagePart(str(path), info.sha256, path.name, info.width, info.height)


def answers(engine: EngineClient, case: Case, folder: Path) -> Iterator[str]:
    """Answers to the questions of one chat, in order; what it answered before stays in the chat."""
    pictures = [_part(p, folder / f"{i}.png") for i, p in enumerate(case.pictures)]
    messages: list[Message] = []
    for question in case.questions:
        parts: list[Part] = [pictures[i] for i in question.pictures]
        messages.append(Message(Role.USER, (*parts, TextPart(question.text))))
        request = Generate(tuple(messages), Sampling(temperature=0, max_tokens=120))
        said = "".join(e.text for e in engine.generate(request) if isinstance(e, Delta)).strip()
        messages.append(Message(Role.ASSISTANT, (TextPart(said),)))
        yield said


def sit(
    engine: EngineClient, paper: str, count: int, seed: int
) -> tuple[dict[str, list[bool]], list[str]]:
    """Sit one paper.

    Returns:
        Right or wrong by topic, and a line for each wrong answer.
    """
    marks: dict[str, list[bool]] = defaultdict(list)
    wrong: list[str] = []
    for case in exam(paper, count, seed):
        with tempfile.TemporaryDirectory() as folder:
            given = answers(engine, case, Path(folder))
            for question, answer in zip(case.questions, given, strict=True):
                good = right(answer, question.expected)
                marks[question.topic].append(good)
                if not good:
                    sizes = [p.size for p in case.pictures]
                    scenes = [[(s.name, s.place, s.size) for s in x.shapes] for x in case.scenes]
                    wrong.append(f"{question.text!r} -> {answer!r} {scenes} {sizes}")
    return marks, wrong


def main() -> int:
    """Sit every paper; 0 if all reach their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--mmproj", type=Path, default=mmproj_path())
    parser.add_argument("--papers", nargs="+", choices=PAPERS, default=list(PAPERS))
    parser.add_argument("--questions", type=int, default=1000, help="at least, on each paper")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", type=int, default=0, help="wrong answers to show of each paper")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    a = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as logs:
        engine = EngineClient(Path(logs) / "engine.log")
        load = Load(Files(str(a.model.absolute()), str(a.mmproj.absolute())), name="demo")
        for _ in engine.load(load):
            pass
        for paper in a.papers:
            marks, wrong = sit(engine, paper, a.questions, a.seed)
            every = [mark for topic in marks.values() for mark in topic]
            figures[paper] = {"all": sum(every) / len(every), "questions": len(every)}
            figures[paper] |= {t: sum(m) / len(m) for t, m in sorted(marks.items())}
            print(f"{paper}: {figures[paper]['all']:.1%} of {len(every)}")
            for topic, mine in sorted(marks.items()):
                print(f"    {topic:<12} {sum(mine) / len(mine):7.1%} of {len(mine)}")
            print("\n".join(f"    wrong: {line}" for line in wrong[: a.wrong]), flush=True)
        engine.close()
    if a.json:
        a.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(figures[p]["all"] >= BARS[p] for p in a.papers) else 1


if __name__ == "__main__":
    sys.exit(main())
