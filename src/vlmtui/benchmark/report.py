"""Reports as tables that people paste into an issue, as CSV, and as a plot in the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from vlmtui import printable
from vlmtui.benchmark.result import Machine, ModelResult, Report, Spread
from vlmtui.hardware.tegra import jetpack_of

_BARS = 40
"""Width of the longest bar of a plot, in characters."""


def as_markdown(report: Report) -> str:
    """The machine in a few lines, and a table with a column for each model."""
    lines = [*_machine(report.machine), ""]
    header = ["", *(printable.line(model.name, 40) for model in report.models)]
    rows = [
        ["kind", *(printable.line(model.description, 40) for model in report.models)],
        ["runs on", *(_runs_on(model) for model in report.models)],
    ]
    rows += [[label, *cells] for label, cells in _rows(report.models)]
    return "\n".join(lines + _table(header, rows))


def as_comparison(before: Report, after: Report) -> str:
    """The medians of two runs side by side with their ratio, for each model that both have."""
    lines = [*_machine(after.machine), ""]
    if before.machine != after.machine:
        lines += ["The runs were made on different machines or versions.", ""]
    old = {model.name: model for model in before.models}
    shared = [model for model in after.models if model.name in old]
    rows = []
    for model in shared:
        name, earlier = printable.line(model.name, 40), dict(_values(old[model.name]))
        for label, value in _values(model):
            one, two = _middle(earlier.get(label)), _middle(value)
            if one and two and label not in _OF_THE_FILES:
                rows.append([name, label, _number(one), _number(two), f"{two / one:.2f}×"])
    if not rows:
        lines.append("The two runs have no model in common.")
        return "\n".join(lines)
    return "\n".join(lines + _table(["model", "figure", "before", "now", "ratio"], rows))


def as_csv(report: Report) -> str:
    """A line for each quantity of each model: model, figure, median, low, high."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "figure", "median", "low", "high"])
    for model in report.models:
        label = printable.line(model.name)
        for name, value in _values(model):
            if isinstance(value, Spread):
                writer.writerow([label, name, value.median, value.low, value.high])
            elif value is not None:
                writer.writerow([label, name, value, "", ""])
    return out.getvalue()


def as_plot(report: Report) -> str:
    """Decoding speed as bars, one for each model and length."""
    entries = [
        (f"{printable.line(model.name, 24)} {decode.tokens}", decode.tokens_per_s.median)
        for model in report.models
        for decode in model.decode
    ]
    most = max((speed for _, speed in entries), default=0.0)
    if not most:
        return ""
    width = max(len(label) for label, _ in entries)
    lines = ["Decoding, tokens per second, by tokens of the answer:"]
    for label, speed in entries:
        bar = "█" * max(round(speed / most * _BARS), 1)
        lines.append(f"  {label:>{width}}  {bar} {speed:.1f}")
    return "\n".join(lines)


def _machine(machine: Machine) -> list[str]:
    parts = [machine.board]
    if machine.jetpack:
        jetpack = jetpack_of(machine.jetpack)
        l4t = f"L4T {machine.jetpack}"
        parts.append(f"JetPack {jetpack} ({l4t})" if jetpack else l4t)
    if machine.power_mode:
        parts.append(machine.power_mode)
    if machine.gpu:
        parts.append(machine.gpu)
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    memory = f"{machine.memory_bytes / 1e9:.1f} GB"
    lines = [", ".join(parts), f"{machine.system}; {machine.processor}; {memory}", versions]
    if (limit := machine.bandwidth_gb_s) is not None:
        lines.append(f"memory bandwidth {limit:.0f} GB/s ({machine.bandwidth_origin})")
    return [f"- {printable.line(line)}" for line in lines]


def _runs_on(model: ModelResult) -> str:
    return printable.line(model.server, 40) or ("GPU" if model.gpu else "processor")


_OF_THE_FILES = ("weights, MB", "tokens of a picture")
"""What no run makes faster or slower: of no interest beside an earlier one."""


def _middle(value: Spread | float | None) -> float | None:
    return value.median if isinstance(value, Spread) else value


def _values(model: ModelResult) -> list[tuple[str, Spread | float | None]]:
    """All quantities of a model by their names in tables."""
    share = model.bandwidth_share
    return [
        ("weights, MB", _megabytes(model.size_bytes or None)),
        ("load, s", model.load_s),
        ("encode a picture, s", model.encode_s),
        ("tokens of a picture", model.image_tokens),
        ("first token, s", model.first_token_s),
        ("first token of a follow-up, s", model.follow_up_s),
        ("prefill, tok/s", model.prefill_tokens_per_s),
        *((f"decode {d.tokens}, tok/s", d.tokens_per_s) for d in model.decode),
        ("decode in the format, tok/s", model.structured_tokens_per_s),
        ("answer in the format, s", model.structured_s),
        ("share of the bandwidth limit, %", share * 100 if share is not None else None),
        ("peak memory, MB", _megabytes(model.peak_memory_bytes)),
        ("peak GPU memory, MB", _megabytes(model.peak_gpu_bytes)),
        ("power, W", model.power_w),
        ("energy, J/token", model.joules_per_token),
    ]


def _rows(models: Sequence[ModelResult]) -> list[tuple[str, list[str]]]:
    """Quantities that some model has, in the order of the first that has them."""
    columns = [dict(_values(model)) for model in models]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = [(label, [_cell(column.get(label)) for column in columns]) for label in labels]
    return [(label, cells) for label, cells in rows if any(cells)]


def _cell(value: Spread | float | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, Spread):
        return _number(value)
    if len(value.values) == 1:
        return _number(value.median)
    return f"{_number(value.median)} ({_number(value.low)}–{_number(value.high)})"


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.1e}"


def _megabytes(size: int | None) -> float | None:
    return size / 1e6 if size is not None else None


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns also line up as plain text."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in escaped) for i in range(len(header))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in escaped
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]
