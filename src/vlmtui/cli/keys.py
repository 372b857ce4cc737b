"""`vlmtui keys`: what is on which key, as it stands in the settings file."""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def keys(as_json: bool) -> None:
    """List all keys, ready to be pasted into the settings file.

    Keys of the settings file that can't be used are reported on standard error.
    """
    from vlmtui import paths
    from vlmtui.settings import load_settings
    from vlmtui.ui.keys import key_bindings, keymap

    wanted, problems = keymap.parse(load_settings().keys)
    usable, more = key_bindings.check(wanted)
    entries = key_bindings.every_binding()
    if as_json:
        from vlmtui.cli.json_output import print_json

        rows = [
            {
                "id": entry.id,
                "keys": usable.get(entry.id, entry.keys).split(","),
                "default": entry.keys.split(","),
                "does": entry.description,
            }
            for entry in entries
        ]
        print_json(rows)
    else:
        click.echo(f"# Paste what you change into {paths.config_path()}")
        click.echo("[keys]")
        heading = ""
        for entry in entries:
            if entry.heading != heading:
                heading = entry.heading
                click.echo(f"\n# {heading}")
            now = usable.get(entry.id, entry.keys)
            was = f" (default: {_spaced(entry.keys)})" if now != entry.keys else ""
            line = f'"{entry.id}" = "{_spaced(now)}"'
            click.echo(f"{line:<48} # {entry.description.lower()}{was}")
    for problem in [*problems, *more]:
        click.echo(f"{paths.config_path()}: {problem}", err=True)


def _spaced(keys: str) -> str:
    return ", ".join(keys.split(","))
