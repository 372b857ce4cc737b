"""Answers by a form: how fast, how right, and whether a random model follows it.

Speed: decoding by a schema against decoding freely, taking turns, and the same of llama-server
where it is in the PATH. Accuracy: questions about drawn scenes to the demo model, answered freely
and by choices. With `--suite DIR`, a checkout of the JSON Schema Test Suite: each of its schemas is
refused, or the random model's answers are valid.

    python -m bench.forms
    python -m bench.forms --suite JSON-Schema-Test-Suite
"""

from __future__ import annotations

import json
import math
import random
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import llama_server, report
from training import scenes
from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp.backend import LlamaCppBackend
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Delta, Event, Finished, Notice
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError
from vlmtui.messages import ImagePart, Message, user

TOKENS = {"large": 48, "demo": 256}
ROWS = {
    "type": "array",
    "minItems": 100,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 40},
            "count": {"type": "integer", "minimum": 0, "maximum": 500},
            "kind": {"enum": ["small", "large"]},
        },
        "required": ["name", "count", "kind"],
    },
}
"""A form whose answer doesn't end before it is measured."""

_DIALECTS = ("draft2020-12", "draft2019-09", "draft7", "draft6", "draft4")
_LONGEST = 300
_HEAT = 0.5


class Asked:
    """A model in this process."""

    def __init__(self, model: report.Model, **load: Any) -> None:
        self._backend = LlamaCppBackend()
        files = Files(str(model.path), str(model.mmproj))
        self._backend.load(Load(files, ctx=1024, **load), CancelFlag(), lambda event: None)

    def ask(self, message: Message, sampling: Sampling) -> tuple[str, Finished, bool]:
        """The text, how it ended, and whether it was told to be invalid."""
        events: list[Event] = []
        asked = Generate((message,), sampling)
        finished = self._backend.generate(asked, CancelFlag(), events.append)
        text = "".join(event.text for event in events if isinstance(event, Delta))
        invalid = any(isinstance(event, Notice) and event.kind == "invalid" for event in events)
        return text, finished, invalid

    def close(self) -> None:
        self._backend.close()


Decode = Callable[[int, bool], float]
"""Answers question number so and so, held to the form or freely; tokens per second."""


def _ours(model: report.Model, undone: ExitStack) -> Decode:
    engine = Asked(model, threads=1)
    undone.callback(engine.close)
    form = constraints.of_schema(json.dumps(ROWS))

    def decode(number: int, held: bool) -> float:
        sampling = Sampling(
            temperature=_HEAT,
            seed=number,
            max_tokens=TOKENS[model.name.removeprefix("random-")],
            constraint=form if held else None,
        )
        _, finished, _ = engine.ask(user(_question(number)), sampling)
        return finished.stats.decode_tokens_per_s

    return decode


def _llama_server(program: str, model: report.Model, undone: ExitStack) -> Decode:
    options = ("-m", str(model.path), "-t", "1", "-c", "1024", "-np", "1")
    url = undone.enter_context(llama_server.serve(program, *options))
    sampling = Sampling()

    def decode(number: int, held: bool) -> float:
        body: dict[str, Any] = {
            "prompt": _question(number),
            "n_predict": TOKENS[model.name.removeprefix("random-")],
            "temperature": _HEAT,
            "seed": number,
            **{name: getattr(sampling, name) for name in ("top_k", "top_p", "min_p")},
        }
        if held:
            body["json_schema"] = ROWS
        else:
            body["ignore_eos"] = True
        with llama_server.post(f"{url}/completion", body) as reply:  # a chat's parser may refuse it
            return float(json.load(reply)["timings"]["predicted_per_second"])

    return decode


def _question(number: int) -> str:
    return f"{number}. List animals as JSON with name, count and kind."


def speed(model: report.Model, repeats: int) -> dict[str, float]:
    """Tokens per second, freely and by a schema, and the ratio of neighbours in time."""
    told: dict[str, float] = {}
    with ExitStack() as undone:
        sides = {"": _ours(model, undone)}
        if program := shutil.which(llama_server.NAME):
            sides[f"{llama_server.NAME} "] = _llama_server(program, model, undone)
        found: dict[tuple[str, bool], list[float]] = {}
        for number in range(repeats + 1):  # the first warms up
            for side, decode in sides.items():
                for held in (False, True):
                    found.setdefault((side, held), []).append(decode(number, held))
        for side in sides:
            free, held_ = found[side, False][1:], found[side, True][1:]
            told[f"{side}free"], told[f"{side}held"] = map(statistics.median, (free, held_))
            ratios = [held / one for one, held in zip(free, held_, strict=True) if one]
            told[f"{side}ratio"] = statistics.median(ratios) if ratios else math.nan
    return told


def accuracy(model: report.Model, count: int) -> dict[str, float]:
    """Right answers of all, freely and by choices, to the same questions about drawn scenes."""
    engine = Asked(model)
    right: Counter[str] = Counter()
    asked = 0
    with tempfile.TemporaryDirectory() as folder:
        for picture, question, choices, answer in _questions(Path(folder), count):
            asked += 1
            for name, form in (("free", None), ("choices", constraints.of_choices(choices))):
                sampling = Sampling(temperature=0, max_tokens=40, constraint=form)
                text, _, _ = engine.ask(user(question, (picture,)), sampling)
                said = {each for each in choices if each in text.lower().replace(".", " ").split()}
                right[name] += said == {answer}
    engine.close()
    return {"questions": asked, **{name: hits / asked for name, hits in right.items()}}


def _questions(folder: Path, count: int) -> Iterator[tuple[ImagePart, str, list[str], str]]:
    chance = random.Random(13)
    for number in range(count):
        scene = scenes.random_scene(chance)
        path = folder / f"{number}.png"
        scenes.draw(scene).save(path)
        info = images.inspect(path)
        picture = ImagePart(str(path), info.sha256, path.name, info.width, info.height)
        for shape in scene.shapes:
            if len(scene.find(kind=shape.kind)) == 1:
                yield picture, f"What color is the {shape.kind}?", [*scenes.COLORS], shape.color
            if len(scene.find(color=shape.color)) == 1:
                question = f"What shape is {shape.color}?"
                yield picture, question, [*scenes.KINDS], shape.kind


def suite(model: report.Model, folder: Path, repeats: int) -> dict[str, int]:
    """How the schemas of the test suite fare, and the answers of a model that knows nothing."""
    import jsonschema  # type: ignore[import-untyped] # it has no types

    engine = Asked(model, threads=1)
    count: Counter[str] = Counter()
    for dialect, schema in _schemas(folder):
        count["schemas"] += 1
        try:
            constraint = constraints.of_schema(json.dumps(schema))
        except InputError:
            count["refused"] += 1
            continue
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        for seed in range(repeats):
            sampling = Sampling(
                temperature=1, seed=seed, max_tokens=_LONGEST, constraint=constraint
            )
            text, _, invalid = engine.ask(user(f"{dialect} {seed}"), sampling)
            if invalid:
                count["cut off, and told so"] += 1
            elif kind(schema).is_valid(json.loads(text)):
                count["valid"] += 1
            else:
                count["INVALID"] += 1
                print(json.dumps(schema), text)
    engine.close()
    return dict(count)


def _schemas(folder: Path) -> Iterator[tuple[str, Any]]:
    for dialect in _DIALECTS:
        for file in sorted((folder / "tests" / dialect).rglob("*.json")):
            for group in json.loads(file.read_text()):
                schema = group["schema"]
                if isinstance(schema, dict):
                    schema = {"$schema": _address(dialect), **schema}
                yield dialect, schema


def _address(dialect: str) -> str:
    number = dialect.removeprefix("draft")
    if number.startswith("20"):
        return f"https://json-schema.org/draft/{number}/schema"
    return f"http://json-schema.org/draft-0{number}/schema#"


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    parser.add_argument("--suite", type=Path, help="a checkout of the JSON Schema Test Suite")
    options = parser.parse_args()
    if options.suite:
        found: dict[str, Any] = {"suite": suite(report.find_model("small"), options.suite, 2)}
    else:
        found = {
            f"speed, {name}": speed(report.find_model(name), options.repeats) for name in TOKENS
        }
        found["accuracy on scenes"] = accuracy(report.find_model("demo"), 40)
    table = [("", "")]
    for name, figures in found.items():
        told = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
        table.append((name, told))
    report.show("answers by a form", found, table, options.json)


if __name__ == "__main__":
    main()
