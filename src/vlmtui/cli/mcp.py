"""`vlmtui mcp`: one tool for programs that speak the Model Context Protocol."""

from __future__ import annotations

import sys

import click

from vlmtui.cli.options import keep_alive_option, mmproj_option, model_option


@click.command()
@model_option
@mmproj_option
@click.option(
    "--dir",
    "directories",
    type=click.Path(exists=True, file_okay=False),
    multiple=True,
    required=True,
    metavar="DIRECTORY",
    help="Pictures in it and below may be looked at. Repeatable.",
)
@keep_alive_option
def mcp(model: str | None, mmproj: str | None, directories: tuple[str, ...]) -> int:
    """Let an agent look at pictures: the tool `look` over the Model Context Protocol.

    An agent whose own model sees nothing starts this command and asks about picture files; the
    model here answers. It speaks the protocol on standard input and output.

    \b
    Most agents are configured like this:
      {"mcpServers": {"eyes": {"command": "vlmtui", "args": ["mcp", "--dir", "/home/me/project"]}}}
    """  # noqa: D301 - click's mark for lines that stay as they are
    import gc
    from contextlib import closing
    from pathlib import Path

    from vlmtui.chat import consent, requests
    from vlmtui.chat.chat_runtime import engine_log
    from vlmtui.chat.fitting_engine import FittingEngine
    from vlmtui.endings import ended_by_signals
    from vlmtui.engine.client import EngineClient
    from vlmtui.mcp.look_tool import LookTool
    from vlmtui.mcp.tool_server import ToolServer, lines
    from vlmtui.settings import keep_alive_seconds, load_settings

    gc.enable()  # off since `__main__`
    settings = load_settings()
    load = requests.load_request(settings, model, mmproj)
    consent.settle(load)
    client = EngineClient(engine_log(), keep_alive_seconds(settings))
    with ended_by_signals(), closing(FittingEngine(client)) as engine:
        tool = LookTool(
            engine, load, requests.sampling(settings), [Path(each) for each in directories]
        )
        ToolServer(tool, sys.stdout.buffer).run(lines(sys.stdin.buffer))
    return 0
