"""What was measured, as values that go into JSON and come back."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
from msgspec import Meta

from vlmtui import kept, wrong_values
from vlmtui.errors import InputError

FORMAT = 1


class Spread(msgspec.Struct, frozen=True):
    """Several measurements of one quantity."""

    values: Annotated[tuple[float, ...], Meta(min_length=1)]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


class Decode(msgspec.Struct, frozen=True):
    """Speed of decoding answers of one length."""

    tokens: int
    """Tokens asked for; an answer may end earlier."""

    tokens_per_s: Spread


class ModelResult(msgspec.Struct, frozen=True):
    """What was measured of a model. Times in seconds, sizes in bytes; None where it couldn't be."""

    name: str
    description: str
    """llama.cpp's line: architecture, size, quantisation."""

    size_bytes: int
    """Weights of the language model."""

    context: int
    gpu: bool
    load_s: Spread
    """For a model that a server runs: until the server told of it."""

    server: str = ""
    """Who runs it, where another program does."""

    encode_s: Spread | None = None
    """A picture in the vision tower; None for a model without one."""

    image_tokens: int | None = None
    prefill_tokens_per_s: Spread | None = None
    decode: tuple[Decode, ...] = ()
    first_token_s: Spread | None = None
    """Of a question about a picture that the model hasn't seen."""

    structured_tokens_per_s: Spread | None = None
    """Decoding answers in a given format."""

    structured_s: Spread | None = None
    """From the question to the end of such an answer."""

    follow_up_s: Spread | None = None
    """To the first token of a second question about the same picture."""

    peak_memory_bytes: int | None = None
    """Main memory of the engine's process."""

    peak_gpu_bytes: int | None = None
    power_w: float | None = None
    """Of the whole board while decoding, median."""

    joules_per_token: float | None = None
    """While decoding, less what the board draws at rest."""

    bandwidth_share: float | None = None
    """Decoding speed as a share of what memory bandwidth allows, 0 to 1."""


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    board: str
    system: str
    jetpack: str | None
    """Version of the board's system software (L4T)."""

    power_mode: str | None
    processor: str
    memory_bytes: int
    gpu: str | None
    """Names of the GPUs that have memory of their own."""

    bandwidth_gb_s: float | None
    bandwidth_origin: str | None
    versions: dict[str, str]


_MOST_BYTES = 20_000_000


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmark."""

    machine: Machine
    models: tuple[ModelResult, ...]
    time: float
    """Seconds since 1970."""

    format: int = FORMAT


def load_report(path: Path) -> Report:
    """Read what `vlmtui bench --json` wrote.

    Raises:
        InputError: The file can't be read, or is something else.
    """
    try:
        return kept.decoded(kept.read(path, _MOST_BYTES), Report)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not a benchmark report: {wrong_values.why(error)}",
            "Write one with `vlmtui bench --json`",
        ) from error
