"""What `vlmtui models quantize` does: reckon, make, load the result, compare the answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import click
import msgspec

from vlmtui import paths
from vlmtui.cli.endings import ended_by_signals
from vlmtui.engine import images
from vlmtui.engine.base import Delta, Event, Finished, Generate, Load, Sampling, Stats
from vlmtui.engine.client import EngineClient
from vlmtui.errors import BadModelFile, EngineCrashed, LoadFailed, ModelNotFound, OutOfMemory
from vlmtui.messages import ImagePart, Message, Role, TextPart
from vlmtui.models import gguf, library, quantize
from vlmtui.models.gguf import pairing
from vlmtui.models.quantize import Progress, Quantization, Result
from vlmtui.printable import line, prose
from vlmtui.settings import load_settings
from vlmtui.ui import units

_BAR = 30
_CHECK_CTX = 2048
_ANSWER_TOKENS = 128
_EVERY = 0.1
"""Share of the work between two lines, where they don't go to a terminal."""


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
        _tell_sizes(job, expected, wish, reckoned=True)
        return 0
    with ended_by_signals():
        try:
            result = _make(job, expected.target_bytes)
            loads = _loads(job, pair)
            quantize.finish(job)
        finally:
            quantize.discard(job)
    answers = []
    if wish.check is not None and picture is not None and pair is not None:
        for name, load in (("before", pair.before), ("after", pair.after(job.target))):
            answers.append(_answer(name, load, picture, wish.check[1]))
    _tell_sizes(job, result, wish, loads=loads, answers=answers)
    return 0


class _Pair(msgspec.Struct, frozen=True):
    """Both files of a model, of which one is being quantised."""

    model: Path
    mmproj: Path | None
    is_mmproj: bool

    @property
    def before(self) -> Load:
        tower = str(self.mmproj) if self.mmproj is not None else None
        return Load(str(self.model), tower, "before", ctx=_CHECK_CTX)

    def after(self, made: Path) -> Load:
        """With the file that was made in the place of the one it was made from."""
        if self.is_mmproj:
            return msgspec.structs.replace(self.before, mmproj=str(made), name="after")
        return msgspec.structs.replace(self.before, model=str(made), name="after")


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
    if other is None:
        if needed:
            raise ModelNotFound(
                f"{job.source.name} is a vision tower, and can't answer alone",
                "Name its language model with --with NAME|PATH.",
            )
        return None
    model = library.resolve(other, str(job.source))
    pairing.check(gguf.from_path(model.path), job.header)
    return _Pair(model.path, job.source, True)


def _mmproj(source: Path, named: str | None) -> Path | None:
    """The vision tower of a model: the one that was named, or the one beside it if that's clear."""
    try:
        return library.resolve(str(source), named).mmproj
    except ModelNotFound:
        if named is not None:
            raise
        return None


def _picture(path: Path) -> ImagePart:
    file = Path(os.path.abspath(path.expanduser()))
    info = images.inspect(file)
    images.decode(file)  # before hours of work
    return ImagePart(str(file), info.sha256, file.name, info.width, info.height)


def _make(job: Quantization, expected: int) -> Result:
    bar = _Bar(f"{job.source.name} → {job.to}")
    result = None
    with closing(cast("Any", quantize.run(job, expected))) as steps, closing(bar):
        for step in steps:
            if isinstance(step, Progress):
                bar.show(step.fraction, step.tensor)
            else:
                result = step
    assert isinstance(result, Result)
    gguf.from_path(job.draft)
    return result


def _loads(job: Quantization, pair: _Pair | None) -> bool | None:
    """Whether the result can be loaded; None when that can't be found out here.

    Raises:
        LoadFailed: It can't; the result is worth nothing.
    """
    if pair is None:
        return None
    try:
        with _engine() as engine:
            for _ in engine.load(msgspec.structs.replace(pair.after(job.draft), ctx=512)):
                pass
        return True
    except OutOfMemory:
        return None
    except EngineCrashed as error:
        if error.memory_was_short:
            return None
        raise LoadFailed(
            f"What was made of {job.source.name} can't be loaded: {error.message}",
            "Nothing was kept. Try another type.",
        ) from error
    except (LoadFailed, BadModelFile) as error:
        raise LoadFailed(
            f"What was made of {job.source.name} can't be loaded: {error.message}",
            "Nothing was kept. Try another type.",
        ) from error


def _answer(name: str, load: Load, picture: ImagePart, question: str) -> dict[str, Any]:
    """What a model says, with its figures."""
    message = Message(Role.USER, (picture, TextPart(question)))
    request = Generate((message,), Sampling(temperature=0.0, max_tokens=_ANSWER_TOKENS))
    words, stats = "", Stats()
    with _engine() as engine:
        for _ in engine.load(load):
            pass
        for event in cast("Iterator[Event]", engine.generate(request)):
            match event:
                case Delta(text=text):
                    words += text
                case Finished(stats=told) if told is not None:
                    stats = told
    return {
        "which": name,
        "answer": words,
        "tokens": stats.generated_tokens,
        "tokens_per_second": stats.decode_tokens_per_s,
        "time_to_first_token": stats.time_to_first_token_s,
    }


def _engine() -> Any:
    return closing(EngineClient(paths.engine_log_path()))


def _tell_sizes(
    job: Quantization,
    result: Result,
    wish: Wish,
    *,
    reckoned: bool = False,
    loads: bool | None = None,
    answers: list[dict[str, Any]] | None = None,
) -> None:
    if wish.as_json:
        told = {
            "source": str(job.source),
            "target": str(job.target),
            "type": job.to,
            "source_bytes": result.source_bytes,
            "target_bytes": result.target_bytes,
            "fallback_tensors": result.fallbacks,
            "dry_run": reckoned,
            "loads": loads,
            "answers": answers or [],
        }
        print(json.dumps(told, indent=2))
        return
    before, after = result.source_bytes, result.target_bytes
    about = "about " if reckoned else ""
    click.echo(
        f"{line(job.target.name)}: {units.size(before)} → {about}{units.size(after)} "
        f"({after / max(1, before) * 100:.0f} %), {job.to}"
    )
    if result.fallbacks:
        click.echo(
            f"{result.fallbacks} tensors have rows that {job.to} can't hold; they are kept in "
            "larger types."
        )
    if reckoned:
        click.echo("Nothing was written.")
        return
    told_loads = {
        True: "It loads.",
        None: "Not loaded: name its language model with --with to try."
        if job.is_mmproj
        else "Not loaded: there is not enough memory free to try.",
    }
    click.echo(told_loads[True if loads else None])
    for answer in answers or []:
        speed = units.rate(answer["tokens_per_second"])
        click.echo(f"\n{answer['which']}: {answer['tokens']} tokens, {speed} tokens/s")
        click.echo(prose(str(answer["answer"]).strip()))
    if answers and answers[0]["answer"] == answers[1]["answer"]:
        click.echo("\nBoth say the same.")


class _Bar:
    """Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = line(title)
        self._terminal = sys.stderr.isatty()
        self._next = 0.0
        self._begun = time.monotonic()

    def show(self, fraction: float, tensor: str) -> None:
        if not self._terminal:
            if fraction >= self._next:
                self._next = fraction + _EVERY
                click.echo(f"{self._title}: {fraction * 100:.0f} %", err=True)
            return
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        full = round(fraction * _BAR)
        left = ""
        if fraction > 0.05:
            seconds = (time.monotonic() - self._begun) * (1 - fraction) / fraction
            left = f", {units.seconds(seconds)} left"
        text = f"{'█' * full}{'░' * (_BAR - full)} {fraction * 100:3.0f} %{left}  {line(tensor)}"
        click.echo(f"\r\x1b[K{text[: width - 1]}", err=True, nl=False)

    def close(self) -> None:
        """Leave nothing of the bar behind."""
        if self._terminal:
            click.echo("\r\x1b[K", err=True, nl=False)
