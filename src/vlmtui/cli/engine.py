"""`vlmtui engine`: the models that are kept loaded, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vlmtui.engine.host_language import EngineView, HostState

_HEAD = ("model", "state", "memory", "context", "used by", "stays")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per host.")
@click.pass_context
def engine(context: click.Context, as_json: bool) -> int:
    """Show the models that are kept loaded for the next vlmtui, and who uses them.

    How long they stay is set by `keep_alive` in the settings, VLMTUI_KEEP_ALIVE or --keep-alive.

    Exit codes, also of the commands: 0 done, 1 failed, 2 usage.
    """
    if context.invoked_subcommand is not None:
        return 0
    from vlmtui.cli.json_output import print_json
    from vlmtui.engine import host_inquiry

    found = list(host_inquiry.states())
    hosts = [state for _, state in found if state is not None]
    if as_json:
        print_json([_as_json(host) for host in hosts])
    elif not any(host.engines for host in hosts) and len(hosts) == len(found):
        click.echo("No model is kept loaded.")
    else:
        for row in _table([view for host in hosts for view in host.engines]):
            click.echo(row)
    for path, state in found:
        if state is None:
            click.echo(f"The host of {path} doesn't answer: `vlmtui engine stop` ends it", err=True)
    return 0


@engine.command()
@click.option("--now", is_flag=True, help="Don't wait for answers in progress.")
def stop(now: bool) -> int:
    """Unload all models that are kept, as soon as nobody is being answered.

    A chat that is open loads its model again with its next question.
    """
    from vlmtui.endings import ended_by_signals
    from vlmtui.engine import host_inquiry
    from vlmtui.engine.engine_events import Waiting
    from vlmtui.engine.host_language import Stop
    from vlmtui.engine.host_socket import NoHost, running
    from vlmtui.printable import line

    with ended_by_signals():
        ended = 0
        for path in running():
            try:
                if not host_inquiry.is_listening(path):
                    continue
                for said in host_inquiry.ask(path, Stop(now)):
                    if isinstance(said, Waiting):
                        click.echo(
                            f"Waiting for an answer ({line(said.who)}); --now cuts it off", err=True
                        )
            except NoHost:
                host_inquiry.kill(path)
            ended += 1
    click.echo("Stopped." if ended else "No model is kept loaded.")
    return 0


def _table(views: list[EngineView]) -> list[str]:
    from vlmtui.printable import line

    rows = [_HEAD, *([line(cell) for cell in _row(view)] for view in views)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(view: EngineView) -> tuple[str, ...]:
    from vlmtui import units

    memory, gpu = _memory(view.pid)
    size = units.size(memory) + (f" + {units.size(gpu)} GPU" if gpu else "")
    context = f"{view.context_used:,} of {view.info.context_size:,}" if view.info else ""
    if view.left_s is not None:
        stays = units.duration(view.left_s)
    else:
        stays = "while it is used" if view.clients else "until it is stopped"
    return view.load.title, _state(view), size, context, ", ".join(view.clients) or "nobody", stays


def _state(view: EngineView) -> str:
    if view.info is None:
        return "loading"
    if not view.answering:
        return "ready"
    waiting = f", {view.waiting} waiting" if view.waiting else ""
    return f"answering {view.answering}{waiting}"


def _memory(pid: int) -> tuple[int | None, int]:
    """Main memory and GPU memory of a process, in bytes."""
    from vlmtui.hardware import nvml
    from vlmtui.hardware.host import HostProbe

    readings = HostProbe().read(pid, {})
    probe = nvml.find()
    if probe is not None:
        try:
            readings.update(probe.read(pid, readings))
        finally:
            probe.close()
    return readings.get("engine_rss_bytes"), readings.get("engine_gpu_bytes", 0)


def _as_json(host: HostState) -> dict[str, Any]:
    """Sizes in bytes, times in seconds."""
    return {
        "pid": host.pid,
        "version": host.version,
        "engines": [_engine_as_json(view) for view in host.engines],
    }


def _engine_as_json(view: EngineView) -> dict[str, Any]:
    memory, gpu = _memory(view.pid)
    return {
        "pid": view.pid,
        "model": view.load.title,
        "path": view.load.files.model,
        "loaded": view.info is not None,
        "memory": memory,
        "gpu_memory": gpu,
        "context_used": view.context_used,
        "context_size": view.info.context_size if view.info else None,
        "kv": view.load.kv,
        "pictures_encoded": view.pictures,
        "clients": list(view.clients),
        "answering": view.answering or None,
        "waiting": view.waiting,
        "left": view.left_s,
    }
