"""`vlmtui bench`: how fast models are on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlmtui.cli.options import NAMED
from vlmtui.errors import VlmtuiError

if TYPE_CHECKING:
    from vlmtui.benchmark import Report
    from vlmtui.engine.engine_requests import Constraint
    from vlmtui.settings import Settings


@click.command()
@click.option(
    "--model",
    "models",
    type=NAMED,
    multiple=True,
    metavar="NAME|PATH.gguf",
    help="A model to measure. Repeatable, to compare. Default: the one in the settings.",
)
@click.option(
    "--image", type=NAMED, metavar="PATH", help="The picture to ask about. Default: a bundled one."
)
@click.option(
    "--repeat", type=click.IntRange(1, 100), default=3, help="How often each is measured."
)
@click.option("--quick", is_flag=True, help="One measurement of short answers only.")
@click.option(
    "--schema",
    type=NAMED,
    metavar="FILE|JSON|SHORT",
    help="Measure answers by this schema, too, given as with `vlmtui ask`.",
)
@click.option("--choices", metavar="A,B,C", help="Measure answers that are one of these, too.")
@click.option("--json", "as_json", is_flag=True, help="Print all measurements as one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line of CSV for each value.")
@click.option(
    "--compare", type=NAMED, metavar="FILE.json", help="Show beside an earlier run's --json."
)
def bench(
    models: tuple[str, ...],
    image: str | None,
    repeat: int,
    quick: bool,
    schema: str | None,
    choices: str | None,
    as_json: bool,
    as_csv: bool,
    compare: str | None,
) -> int:
    """Measure models: load, image, prefill, decode, memory, energy.

    Prints a table to paste into an issue, with the machine's name, system and versions, and a plot.
    Numbers are medians, with the lowest and the highest in brackets. What this machine can't
    measure is left out. The machine should do nothing else meanwhile.

    \b
    Examples:
      vlmtui bench --model ~/models/llava.gguf
      vlmtui bench --json > before.json; vlmtui bench --compare before.json

    Exit codes: 0 measured, 1 the engine failed, 2 usage or bad input, 130 interrupted.
    """  # noqa: D301 - click's mark for lines that stay as they are
    if as_json and as_csv:
        raise click.UsageError("--json and --csv can't both be printed.")
    import gc

    from vlmtui import benchmark
    from vlmtui.chat import answer_constraints
    from vlmtui.settings import load_settings

    gc.enable()  # off since `__main__`
    settings = load_settings()
    constraint = answer_constraints.of(schema, choices)
    earlier = benchmark.load_report(Path(compare)) if compare else None
    report, failure = _measured(
        settings, models, image, constraint, repeat=1 if quick else repeat, quick=quick
    )
    if report.models:
        print(_written(report, earlier, as_json=as_json, as_csv=as_csv), flush=True)
    if failure is not None:
        raise failure
    return 0


def _measured(
    settings: Settings,
    models: Sequence[str],
    image: str | None,
    constraint: Constraint | None,
    *,
    repeat: int,
    quick: bool,
) -> tuple[Report, VlmtuiError | None]:
    """Measure the models that are named, or else the one in the settings; blocks for minutes.

    Returns what was measured until the end or a failure, and the failure.
    """
    import time

    import msgspec

    from vlmtui import benchmark, demo, printable
    from vlmtui.chat import consent
    from vlmtui.chat.requests import load_request
    from vlmtui.cli.consent import asking
    from vlmtui.endings import ended_by_signals

    picture = Path(os.path.expanduser(image)) if image else demo.sample_images()[0]
    settings = msgspec.structs.replace(settings, disk_cache_gb=0)  # each picture is encoded
    loads = [load_request(settings, name, None) for name in models or (settings.model,)]
    for load in loads:
        consent.settle(load, asking())
    with ended_by_signals():
        machine, limit = benchmark.describe_machine()
        results, failure = [], None
        try:
            for load in loads:
                result = benchmark.measure(
                    load,
                    picture,
                    repeat=repeat,
                    bandwidth=limit,
                    progress=partial(_show_step, printable.line(load.name, 40)),
                    lengths=(32,) if quick else benchmark.LENGTHS,
                    constraint=constraint,
                )
                results.append(result)
        except VlmtuiError as error:
            failure = error
        finally:
            _show_step()
    return benchmark.Report(machine, tuple(results), time.time()), failure


def _show_step(model: str = "", step: str = "") -> None:
    """In place of what was shown before."""
    if sys.stderr.isatty():
        text = f"{model}: {step} …" if model else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _written(report: Report, earlier: Report | None, *, as_json: bool, as_csv: bool) -> str:
    import msgspec

    from vlmtui.benchmark import report as reports

    if as_json:
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    if as_csv:
        return reports.as_csv(report).rstrip("\n")
    if earlier is not None:
        return reports.as_comparison(earlier, report)
    text = reports.as_markdown(report)
    if plot := reports.as_plot(report):
        text += f"\n\n{plot}"
    if report.machine.bandwidth_gb_s is None:
        text += "\n\n`vlmtui doctor --bandwidth` lets this say how much of the limit is reached."
    return text
