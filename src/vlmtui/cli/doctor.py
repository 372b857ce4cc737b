"""`vlmtui doctor`: what this machine has and what is missing."""

from __future__ import annotations

import os
import sys

import click

from vlmtui.cli.options import NAMED, STANDARD_OUTPUT


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
@click.option(
    "--bundle",
    type=NAMED,
    metavar="FILE.zip",
    help="Also write a ZIP file for a report: findings, logs, settings; no chats, no secrets. "
    "- writes it to standard output, instead of the findings.",
)
@click.option(
    "--bandwidth",
    is_flag=True,
    help="Measure how fast the processor reads memory, and keep it: it bounds tokens per second.",
)
def doctor(as_json: bool, bundle: str | None, bandwidth: bool) -> int:
    """Look at this machine: what vlmtui needs, what is there, what to do.

    Looks at the board and its system, CUDA and how llama.cpp was built, memory and disk, the
    terminal, and vlmtui's own files. Changes nothing; --bandwidth writes one small file.

    Exit codes: 0 all that is needed is there, 1 something can't work, 2 usage.
    """
    from pathlib import Path

    from vlmtui import doctor as examination
    from vlmtui.hardware.bandwidth import keep, measure

    if bandwidth:
        keep(measure(3.0))
    findings = examination.examine()
    if bundle == STANDARD_OUTPUT:
        click.echo(examination.bundled(findings), nl=False)
    elif as_json:
        print(examination.as_json(findings))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(examination.as_text(findings, colour=colour))
    if bundle not in (None, STANDARD_OUTPUT):
        written = examination.write_bundle(findings, Path(bundle))
        print(f"Written: {written}", file=sys.stderr)
    return 1 if any(finding.status == "fail" for finding in findings) else 0
