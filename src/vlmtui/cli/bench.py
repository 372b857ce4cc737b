"""`vlmtui bench`: how fast models are on this machine."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|PATH.gguf",
    help="A model to measure. Repeatable, to compare. Default: the one in the settings.",
)
@click.option("--image", metavar="PATH", help="The picture to ask about. Default: a bundled one.")
@click.option(
    "--repeat", type=click.IntRange(1, 100), default=3, help="How often each is measured."
)
@click.option("--quick", is_flag=True, help="One measurement of short answers only.")
@click.option("--json", "as_json", is_flag=True, help="Print all measurements as one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line of CSV for each figure.")
@click.option("--compare", metavar="FILE.json", help="Show beside an earlier run's --json.")
def bench(
    models: tuple[str, ...],
    image: str | None,
    repeat: int,
    quick: bool,
    as_json: bool,
    as_csv: bool,
    compare: str | None,
) -> int:
    r"""Measure models: load, image, prefill, decode, memory, energy.

    \b
    Prints a table to paste into an issue, with the machine's name, system and versions, and a plot.
    Figures are medians, with the least and the most in brackets. What this machine can't measure
    is left out. The machine should do nothing else meanwhile.

    \b
    Examples:
      vlmtui bench --model ~/models/llava.gguf
      vlmtui bench --json > before.json; vlmtui bench --compare before.json

    Exit codes: 0 measured, 1 the engine failed, 2 usage or bad input, 130 interrupted.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv can't both be printed.")
    import gc
    import time
    from pathlib import Path

    import msgspec

    from vlmtui import benchmark, demo
    from vlmtui.benchmark import report as reports
    from vlmtui.chat.requests import load_request
    from vlmtui.cli.endings import ended_by_signals
    from vlmtui.settings import load_settings

    gc.enable()  # off since `__main__`
    settings = load_settings()
    earlier = benchmark.load_report(Path(compare)) if compare else None
    picture = Path(image).expanduser() if image else demo.sample_images()[0]
    loads = [load_request(settings, name, None) for name in models or (settings.model,)]
    lengths = (32,) if quick else benchmark.LENGTHS
    with ended_by_signals():
        machine, limit = benchmark.describe_machine()
        results = []
        for load in loads:

            def tell(step: str, name: str = load.name) -> None:
                if sys.stderr.isatty():
                    print(f"\r\x1b[K{name}: {step} …", end="", file=sys.stderr, flush=True)

            results.append(
                benchmark.measure(
                    load,
                    picture,
                    repeat=1 if quick else repeat,
                    bandwidth=limit,
                    progress=tell,
                    lengths=lengths,
                )
            )
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    report = benchmark.Report(machine, tuple(results), time.time())
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    elif as_csv:
        print(reports.as_csv(report), end="")
    elif earlier is not None:
        print(reports.as_comparison(earlier, report))
    else:
        print(reports.as_markdown(report))
        if plot := reports.as_plot(report):
            print(f"\n{plot}")
        if limit is None:
            print("\n`vlmtui doctor --bandwidth` lets this say how much of the limit is reached.")
    return 0
