"""What a shell offers while somebody types: commands, options, names of models and chats, files."""

from __future__ import annotations

import copy
import os
import shlex
from collections.abc import Iterable
from contextlib import suppress

import click
from click.shell_completion import CompletionItem, get_completion_class
from click_default_group import DefaultGroup

from vlmtui import printable
from vlmtui.cli import COMPLETE
from vlmtui.errors import VlmtuiError

_MOST_CHATS = 50


class Commands(DefaultGroup):  # type: ignore[misc] # click-default-group has no types
    """The commands; options without one are for the default one.

    A shell that asks what could be typed is told of both.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say what may have been meant: the default one takes no words."""
        known = ctx.resilient_parsing or args[0].startswith("-") or args[0] in self.commands
        if not known:
            raise click.UsageError(_meant(args[0], self.commands), ctx)
        found: tuple[str | None, click.Command | None, list[str]] = super().resolve_command(
            ctx, args
        )
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take no default where nothing is to be run: nothing else could be completed then."""
        if ctx.resilient_parsing:
            return click.Group.parse_args(self, ctx, args)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found: list[CompletionItem] = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            chat = self.commands[self.default_cmd_name]
            known = {item.value for item in found}
            of_chat = chat.shell_complete(click.Context(chat, parent=ctx), incomplete)
            found += [item for item in of_chat if item.value not in known]
        return found


def _meant(word: str, names: Iterable[str]) -> str:
    """What to do instead of a command that there isn't."""
    from difflib import get_close_matches

    shown = printable.line(shlex.quote(word), 80)
    if near := get_close_matches(word, names, 1):
        instead = f"Did you mean `vlmtui {near[0]}`?"
    elif word.lower().endswith(".gguf"):
        instead = f"`vlmtui --model {shown}` opens the chat with a model."
    elif " " in word:
        instead = f"`vlmtui ask {shown}` asks that."
    elif "." in word or os.sep in word:
        instead = f"`vlmtui ask {shown} 'What is it?'` asks about a picture."
    else:
        instead = "`vlmtui --help` lists the commands."
    return f"There is no command {shown}. {instead}"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script with which a shell completes commands, options, models and chats.

    \b
    bash   source <(vlmtui completion bash)       in ~/.bashrc
    zsh    source <(vlmtui completion zsh)        in ~/.zshrc, after compinit
    fish   vlmtui completion fish | source        in ~/.config/fish/config.fish
    """  # noqa: D301 - click's mark for lines that stay as they are
    root = click.get_current_context().find_root()
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(root.command, {}, "vlmtui", COMPLETE).source())


def also_ls(group: click.Group, command: click.Command) -> None:
    """Have a command that lists be called as hands call it, without a line in the help."""
    ls = copy.copy(command)
    ls.hidden = True
    group.add_command(ls, "ls")


def models(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models that can be used: installed ones, and those of servers."""
    from vlmtui.models import endpoints, search

    with suppress(VlmtuiError):
        installed = [(model.name, model.source) for model in search.survey().models]
        served = [(model.name, "on a server") for model in endpoints.models()]
        return _beginning(incomplete, [*installed, *served])
    return []


def any_model(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """All models, those to download too."""
    from vlmtui.models import catalog

    found = models(_, __, incomplete)
    known = {item.value for item in found}
    with suppress(VlmtuiError):
        entries = [(entry.name, "to download") for entry in catalog.load().entries]
        found += [item for item in _beginning(incomplete, entries) if item.value not in known]
    return found


def chats(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Numbers of chats, with their titles."""
    from vlmtui import printable
    from vlmtui.cli.chats import opened_archive

    with suppress(VlmtuiError), opened_archive() as opened:
        rows = opened.listing.rows(_MOST_CHATS)
        return _beginning(
            incomplete, [(str(row.chat.id), printable.line(row.chat.title)) for row in rows]
        )
    return []


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, which the shell knows itself."""
    return [CompletionItem(incomplete, type="file")]


def _beginning(incomplete: str, named: list[tuple[str, str]]) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=told or None)
        for name, told in named
        if name.lower().startswith(incomplete.lower())
    ]
