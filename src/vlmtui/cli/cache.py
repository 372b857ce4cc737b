"""`vlmtui cache`: what engines keep on the disk, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vlmtui.engine.cache_folder import CacheFolder


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def cache(context: click.Context, as_json: bool) -> int:
    """Show what is kept on disk for models: encoded pictures, chats that were read.

    How much of the disk it may take is set by `disk_cache_gb` in the settings.

    Exit codes, also of the commands: 0 done, 1 failed, 2 usage.
    """
    if context.invoked_subcommand is not None:
        return 0
    from vlmtui.settings import load_settings

    folder, most = _folder(), load_settings().disk_cache_gb
    entries = folder.entries()
    if as_json:
        import msgspec

        from vlmtui.cli.json_output import print_json

        print_json(
            {
                "path": str(folder.path),
                "most_bytes": int(most * 1e9),
                "bytes": sum(entry.size_bytes for entry in entries),
                "entries": msgspec.to_builtins(entries),
            }
        )
        return 0
    from vlmtui import paths, units
    from vlmtui.printable import line

    for kind, what in (("picture", "encoded pictures"), ("chat", "states of chats")):
        sizes = [entry.size_bytes for entry in entries if entry.kind == kind]
        click.echo(f"{what:<18}{len(sizes):>6}  {units.size(sum(sizes)):>9}")
    room = f"up to {units.size(int(most * 1e9))}" if most else "nothing is kept"
    click.echo(f"{line(paths.shown(folder.path))}, {room}")
    return 0


@cache.command()
def clear() -> int:
    """Delete all of it. It is computed again when it is needed; no chat is lost."""
    from vlmtui import units
    from vlmtui.errors import StorageError, os_errors_as

    folder = _folder()
    with os_errors_as(StorageError, f"{folder.path} can't be cleared", "Check its permissions."):
        freed = folder.clear()
    click.echo(f"Cleared: {units.size(freed)}.")
    return 0


def _folder() -> CacheFolder:
    from vlmtui import paths
    from vlmtui.engine.cache_folder import CacheFolder

    return CacheFolder(paths.engine_cache_dir())
