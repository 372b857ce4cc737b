"""What `vlmtui models quantize` does: reckon, make, load the result, compare the answers."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from vlmtui.cli import progress_bar, trial
from vlmtui.cli.json_output import print_json
from vlmtui.cli.quantize_display import Answer, Outcome, as_json, in_words
from vlmtui.endings import ended_by_signals
from vlmtui.engine import images
from vlmtui.engine.engine_events import Delta, Finished, Stats
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.errors import ModelNotFound, VlmtuiError
from vlmtui.messages import ImagePart, Message, Role, TextPart
from vlmtui.models import gguf, library, quantize
from vlmtui.models.gguf import pairing
from vlmtui.models.quantize import Quantization, Result
from vlmtui.settings import load_settings

_CHECK_CTX = 2048
_ANSWER_TOKENS = 128


class Wish(msgspec.Struct, frozen=True):
    """The command line."""

    source: Path
    target: Path
    to: str
    other: str | None = None
    """Name or path of the model for an mmproj, path of the mmproj for a model."""

    check: tuple[Path, str] | None = None
    """A picture and a question."""

    dry_run: bool = False
    requantise: bool = False
    force: bool = False
    as_json: bool = False


def quantise(wish: Wish) -> int:
    """Do what the command line says; returns the exit code.

    Raises:
        VlmtuiError: It can't be done.
    """
    job = quantize.prepare(
        wish.source.absolute(),
        wish.target.absolute(),
        wish.to,
        threads=load_settings().threads,
        requantise=wish.requantise,
        overwrite=wish.force,
    )
    picture = _picture(wish.check[0]) if wish.check is not None else None
    pair = _pair(job, wish.other, needed=wish.check is not None)
    expected = quantize.dry_run(job)
    if wish.dry_run:
        return _tell(wish, Outcome(job, expected, dry_run=True))
    with ended_by_signals():
        try:
            result = _make(job, expected.target_bytes)
            loads = _loads(job, pair)
            quantize.finish(job)
        finally:
            quantize.discard(job)
    answers = []
    if wish.check is not None and picture is not None and pair is not None:
        for load in (pair.before, pair.after(job.target)):
            answers.append(_answer(load, picture, wish.check[1]))
    return _tell(wish, Outcome(job, result, loads=loads, answers=answers))


def _tell(wish: Wish, outcome: Outcome) -> int:
    if wish.as_json:
        print_json(as_json(outcome))
    else:
        click.echo(in_words(outcome))
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


def _picture(path: Path) -> ImagePart:
    file = Path(os.path.abspath(os.path.expanduser(str(path))))
    info = images.inspect(file)
    images.decode(file)  # before hours of work
    return ImagePart(str(file), info.sha256, file.name, info.width, info.height)


def _make(job: Quantization, expected: int) -> Result:
    title = f"{job.source.name} → {job.to}"
    result = progress_bar.last_of(quantize.run(job, expected), title)
    gguf.from_path(job.draft)
    return result


def _loads(job: Quantization, pair: _Pair | None) -> bool | None:
    """Whether the result can be loaded; None when that can't be found out here.

    Raises:
        LoadFailed: It can't; the result is worth nothing.
    """
    return None if pair is None else trial.loads(pair.after(job.draft), job.source.name)


def _answer(load: Load, picture: ImagePart, question: str) -> Answer:
    """What a model says, with its statistics."""
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
