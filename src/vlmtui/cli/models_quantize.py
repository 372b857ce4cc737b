"""What `vlmtui models quantize` does: reckon, make, load the result, compare the answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from vlmtui import units
from vlmtui.cli import progress_bar, trial
from vlmtui.cli.json_output import print_json
from vlmtui.endings import ended_by_signals
from vlmtui.engine import images
from vlmtui.engine.engine_events import Delta, Finished, Stats
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.errors import ModelNotFound, VlmtuiError
from vlmtui.messages import ImagePart, Message, Role, TextPart
from vlmtui.models import file_maker, gguf, library, quantize
from vlmtui.models.gguf import pairing
from vlmtui.models.quantize import Quantization, Result
from vlmtui.printable import line, prose
from vlmtui.settings import load_settings

_CHECK_CTX = 2048
_ANSWER_TOKENS = 128


class Options(msgspec.Struct, frozen=True):
    """The command line."""

    source: str
    target: str
    to: str
    other: str | None
    """Name or path of the model for an mmproj, path of the mmproj for a model."""

    check: tuple[str, str] | None
    """A picture and a question."""

    dry_run: bool
    allow_requantize: bool
    force: bool
    as_json: bool


class Answer(msgspec.Struct, frozen=True):
    """What a model said to the question of `--check`."""

    which: str
    """before or after."""

    answer: str
    tokens: int
    tokens_per_second: float
    time_to_first_token: float
    """Seconds."""


class Outcome(msgspec.Struct, frozen=True):
    """What was made of a model, or would be."""

    job: Quantization
    result: Result
    dry_run: bool = False
    loads: bool | None = None
    """Whether the result could be loaded; None where nobody could try."""

    answers: Sequence[Answer] = ()


def quantise(options: Options) -> int:
    """Do what the command line says; returns the exit code."""
    job = quantize.prepare(
        Path(os.path.expanduser(options.source)).absolute(),
        Path(os.path.expanduser(options.target)).absolute(),
        options.to,
        threads=load_settings().threads,
        requantise=options.allow_requantize,
        overwrite=options.force,
    )
    picture = _picture(options.check[0]) if options.check is not None else None
    pair = _pair(job, options.other, needed=options.check is not None)
    expected = quantize.dry_run(job)
    if options.dry_run:
        return _report(options, Outcome(job, expected, dry_run=True))
    with ended_by_signals():
        try:
            title = f"{job.source.name} → {job.to}"
            result = progress_bar.last_of(quantize.run(job, expected.target_bytes), title)
            gguf.from_path(job.draft)
            # a vision tower alone can't be loaded
            loads = trial.loads(pair.after(job.draft), job.source.name) if pair else None
            file_maker.settle(job.draft, job.target)
        finally:
            file_maker.discard(job.draft)
    answers = []
    if options.check is not None and picture is not None and pair is not None:
        for load in (pair.before, pair.after(job.target)):
            answers.append(_answer(load, picture, options.check[1]))
    return _report(options, Outcome(job, result, loads=loads, answers=answers))


def _report(options: Options, outcome: Outcome) -> int:
    if options.as_json:
        print_json(_as_json(outcome))
    else:
        click.echo(_in_words(outcome))
    return 0


class _Pair(msgspec.Struct, frozen=True):
    """Both files of a model, of which one is being quantised."""

    model: Path
    mmproj: Path | None
    is_mmproj: bool

    @property
    def before(self) -> Load:
        tower = str(self.mmproj) if self.mmproj is not None else None
        return Load(Files(str(self.model), tower), "before", ctx=_CHECK_CTX)

    def after(self, made: Path) -> Load:
        """With the file that was made in the place of the one it was made from."""
        part = {"mmproj" if self.is_mmproj else "model": str(made)}
        files = msgspec.structs.replace(self.before.files, **part)
        return msgspec.structs.replace(self.before, source=files, name="after")


def _pair(job: Quantization, other: str | None, *, needed: bool) -> _Pair | None:
    """The files to load together; None when a vision tower's model isn't known.

    Raises:
        VlmtuiError: They don't go together, or are needed and not known.
    """
    if not job.is_mmproj:
        mmproj = _mmproj(job.source, other)
        pairing.check(job.header, gguf.from_path(mmproj) if mmproj is not None else None)
        if needed and mmproj is None:
            raise ModelNotFound(
                f"{job.source.name} is to answer about a picture, and its mmproj isn't known",
                "Name it with --with PATH.",
            )
        return _Pair(job.source, mmproj, False)
    if other is not None:
        model = library.resolve(other, str(job.source)).path
        pairing.check(gguf.from_path(model), job.header)
        return _Pair(model, job.source, True)
    beside = _model_beside(job.source)
    if beside is not None:
        return _Pair(beside, job.source, True)
    if needed:
        raise ModelNotFound(
            f"{job.source.name} is a vision tower, and can't answer alone",
            "Name its language model with --with NAME|PATH.",
        )
    return None


def _model_beside(tower: Path) -> Path | None:
    """The smallest of the models that lie beside a vision tower and would take it."""
    beside = [file for file in tower.parent.glob("*.[gG][gG][uU][fF]") if file.is_file()]
    for file in sorted(beside, key=lambda file: file.stat().st_size):
        try:
            model = library.resolve(str(file))
            if model.mmproj is not None and model.mmproj.samefile(tower):
                pairing.check(gguf.from_path(model.path), gguf.from_path(tower))
                return model.path
        except (VlmtuiError, OSError):
            continue
    return None


def _mmproj(source: Path, named: str | None) -> Path | None:
    """The vision tower of a model: the one that was named, or the one beside it if that's clear."""
    try:
        return library.resolve(str(source), named).mmproj
    except ModelNotFound:
        if named is not None:
            raise
        return None


def _picture(path: str) -> ImagePart:
    file = Path(os.path.abspath(os.path.expanduser(path)))
    info = images.inspect(file)
    images.decode(file)  # before hours of work
    return ImagePart(str(file), info.sha256, file.name, info.width, info.height)


def _answer(load: Load, picture: ImagePart, question: str) -> Answer:
    message = Message(Role.USER, (picture, TextPart(question)))
    request = Generate(
        (message,), Sampling(temperature=0.0, max_tokens=_ANSWER_TOKENS, think="off")
    )
    words, stats = "", Stats()
    with trial.engine() as engine:
        for _ in engine.load(load):
            pass
        for event in engine.generate(request):
            match event:
                case Delta(text=text):
                    words += text
                case Finished(stats=told):
                    stats = told
    return Answer(
        load.name,
        words,
        stats.generated_tokens,
        stats.decode_tokens_per_s,
        stats.time_to_first_token_s,
    )


def _as_json(outcome: Outcome) -> dict[str, Any]:
    job, result = outcome.job, outcome.result
    return {
        "source": str(job.source),
        "target": str(job.target),
        "type": job.to,
        "source_bytes": result.source_bytes,
        "target_bytes": result.target_bytes,
        "fallback_tensors": result.fallbacks,
        "dry_run": outcome.dry_run,
        "loads": outcome.loads,
        "answers": msgspec.to_builtins(outcome.answers),
    }


def _in_words(outcome: Outcome) -> str:
    job, result = outcome.job, outcome.result
    before, after = result.source_bytes, result.target_bytes
    about = "about " if outcome.dry_run else ""
    lines = [
        f"{line(job.target.name)}: {units.size(before)} → {about}{units.size(after)} "
        f"({after / max(1, before) * 100:.0f} %), {job.to}"
    ]
    if result.fallbacks:
        some = "1 tensor has" if result.fallbacks == 1 else f"{result.fallbacks} tensors have"
        lines.append(f"{some} rows that {job.to} can't hold: a larger type is used there.")
    if outcome.dry_run:
        return "\n".join([*lines, "Nothing was written."])
    if outcome.loads:
        lines.append("It loads.")
    elif job.is_mmproj:
        lines.append("Not loaded: name its language model with --with to try.")
    else:
        lines.append("Not loaded: there is not enough memory free to try.")
    for answer in outcome.answers:
        speed = units.rate(answer.tokens_per_second)
        lines.append(f"\n{answer.which}: {answer.tokens:,} tokens, {speed} tok/s")
        lines.append(prose(answer.answer.strip()))
    if len({answer.answer for answer in outcome.answers}) < len(outcome.answers):
        lines.append("\nBoth give the same answer.")
    return "\n".join(lines)
