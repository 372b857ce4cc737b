"""`vlmtui chats`: the chats on disk, without opening the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from vlmtui.cli import completion
from vlmtui.cli.json_output import print_json
from vlmtui.cli.options import NAMED, STANDARD_INPUT, STANDARD_OUTPUT

if TYPE_CHECKING:
    from vlmtui.chat.archive import Archive
    from vlmtui.chat.export import Format
    from vlmtui.storage.records import Chat, ChatRow, Found, StoredMessage

_ROW = click.IntRange(1, 2**63 - 1)
"""What SQLite can count to."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
limit_option = partial(
    click.option, "--limit", type=_ROW, show_default=True, help="List at most this many."
)
chat_argument = click.argument("chat_id", metavar="ID", type=_ROW, shell_complete=completion.chats)


@click.group()
def chats() -> None:
    """List, search, export and import chats.

    Exit codes: 0 done, 1 there is no such chat or the disk can't be read or written, 2 usage,
    or a file that can't be written or imported.
    """


@chats.command("list")
@json_option
@limit_option(default=50)
@click.option("--deleted", is_flag=True, help="List deleted chats, which can be restored.")
def list_chats(as_json: bool, limit: int, deleted: bool) -> None:
    """List chats: pinned ones first, then the newest."""
    with opened_archive(to_read=True) as archive:
        found: list[tuple[Chat, ChatRow | None]]
        if deleted:
            found = [(chat, None) for chat in archive.chats.trash.chats()[:limit]]
        else:
            found = [(row.chat, row) for row in archive.listing.rows(limit)]
    if as_json:
        print_json(
            [
                {
                    "id": chat.id,
                    "title": chat.title,
                    "pinned": chat.pinned,
                    "created": chat.created,
                    "updated": chat.updated,
                    "deleted": chat.deleted,
                    **({"messages": row.messages, "images": row.images} if row else {}),
                }
                for chat, row in found
            ]
        )
        return
    from vlmtui import printable
    from vlmtui.chat.export_words import day

    for chat, row in found:
        when = day(chat.deleted or chat.updated)
        count = row.messages if row else ""
        pictures = f"  ▣ {row.images}" if row and row.images else ""
        pin = "★ " if chat.pinned else ""
        title = printable.line(chat.title)
        click.echo(f"{chat.id:>6}  {when:16}  {count:>5}  {pin}{title}{pictures}")
    if not found:
        click.echo(
            "There are no deleted chats." if deleted else "There are no chats yet.", err=True
        )


completion.also_ls(chats, list_chats)


@chats.command()
@click.argument("text")
@json_option
@limit_option(default=20)
def search(text: str, as_json: bool, limit: int) -> None:
    """Find messages and titles with words that begin with each of the words in TEXT."""
    with opened_archive(to_read=True) as archive:
        found = archive.listing.search(text, limit)
    if as_json:
        print_json(
            [
                {
                    "chat": hit.chat.id,
                    "title": hit.chat.title,
                    "message": hit.message_id,
                    "excerpt": hit.excerpt,
                    "spans": hit.spans,
                    "in_title": hit.in_title,
                }
                for hit in found
            ]
        )
        return
    from vlmtui import printable

    for hit in found:
        click.echo(f"{hit.chat.id:>6}  {printable.line(hit.chat.title)}")
        if not hit.in_title:
            click.echo(f"{'':8}{_highlighted(hit)}")
    if not found:
        click.echo("Nothing was found.", err=True)


@chats.command()
@chat_argument
def show(chat_id: int) -> None:
    """Print a chat's shown branch."""
    from vlmtui import printable

    with opened_archive(to_read=True) as archive:
        chat = archive.chats.get(chat_id)
        thread = archive.chats.thread(chat_id)
    click.echo(click.style(printable.line(chat.title), bold=True))
    for stored in thread:
        click.echo()
        for line in _message_lines(stored):
            click.echo(line)


@chats.command()
@chat_argument
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["markdown", "json", "html"]),
    help="markdown: pictures beside it; json: everything, can be imported; html: one file to look "
    "at. Default: what the name of the file ends in, or else markdown.",
)
@click.option(
    "-o",
    "--output",
    type=NAMED,
    default=".",
    metavar="PATH",
    help="A file, a directory, or - for standard output. Default: here, named after the chat.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def export(chat_id: int, format_name: Format | None, output: str, force: bool) -> None:
    """Write a chat to a file, and print its path."""
    from vlmtui import printable
    from vlmtui.chat.export import format_of

    with opened_archive(to_read=True) as archive:
        chosen = format_name or format_of(Path(output))
        if output == STANDARD_OUTPUT:
            for piece in archive.exported(chat_id, chosen):
                click.echo(_ascii(piece) if chosen == "json" else piece, nl=False)
            return
        path = archive.export(chat_id, Path(output), chosen, overwrite=force)
    click.echo(printable.line(str(path)))


@chats.command("import")
@click.argument("file", type=NAMED, shell_complete=completion.files)
def import_chat(file: str) -> None:
    """Make a chat from an exported JSON FILE, and print its number and title.

    `-` is standard input.
    """
    from vlmtui import printable

    with opened_archive() as archive:
        if file == STANDARD_INPUT:
            with _standard_input() as given:
                chat = archive.import_json(Path("Standard input"), given)
        else:
            chat = archive.import_json(Path(file))
    click.echo(f"{chat.id}  {printable.line(chat.title)}")


@chats.command()
@chat_argument
def rm(chat_id: int) -> None:
    """Delete a chat; for 30 days it can be restored."""
    from vlmtui.errors import StorageError

    with opened_archive() as archive:
        archive.delete(chat_id)
        with suppress(StorageError):  # it can be done another time
            archive.tidy()
    click.echo(f"Deleted. `vlmtui chats restore {chat_id}` restores it.", err=True)


@chats.command()
@chat_argument
def restore(chat_id: int) -> None:
    """Restore a deleted chat."""
    with opened_archive() as archive:
        archive.chats.trash.restore(chat_id)


@chats.command()
@click.option("--force", is_flag=True, help="Even if nothing seems to be wrong.")
def recover(force: bool) -> None:
    """Make a new database from what can be read of a damaged one, which is kept beside it."""
    from vlmtui import paths
    from vlmtui.engine import images
    from vlmtui.errors import StorageError
    from vlmtui.storage.images import ImageStore
    from vlmtui.storage.recover import is_sound
    from vlmtui.storage.recover import recover as recover_database

    def measure(path: Path) -> tuple[int, int]:
        info = images.inspect(path)
        return info.width, info.height

    path = paths.database_path()
    if not path.exists():
        raise StorageError(f"There is no {path}", "There is nothing to recover")
    if is_sound(path) and not force:
        click.echo(f"{path} is not damaged. --force rebuilds it anyway.")
        return
    done = recover_database(path, ImageStore(paths.images_dir()), measure)
    click.echo(f"Saved: {done.chats} chats, {done.messages} messages, {done.pictures} pictures.")
    click.echo(f"The damaged file was kept: {done.aside}")


@contextmanager
def opened_archive(*, to_read: bool = False) -> Iterator[Archive]:
    """The chats on disk, until the context ends.

    What is only opened `to_read` is opened on a full or read-only disk, too.
    """
    from vlmtui import paths
    from vlmtui.chat.archive import Archive
    from vlmtui.storage.chats import ChatStore
    from vlmtui.storage.database import Database
    from vlmtui.storage.images import ImageStore

    store = ChatStore((Database.to_read if to_read else Database)(paths.database_path()))
    try:
        yield Archive(store, ImageStore(paths.images_dir()))
    finally:
        store.close()


@contextmanager
def _standard_input() -> Iterator[BinaryIO]:
    """What comes on standard input, in a file without a name: a pipe can be read only once."""
    import tempfile

    from vlmtui.chat.exported_file import MAX_BYTES
    from vlmtui.errors import InputError, os_errors_as

    with tempfile.TemporaryFile(prefix="vlmtui-import-") as spool:
        with os_errors_as(InputError, "Standard input can't be read", "Name a file."):
            with open(0, "rb", closefd=False) as given:
                for piece in iter(partial(given.read, 1 << 20), b""):
                    spool.write(piece)
                    if spool.tell() > MAX_BYTES:  # it may have no end
                        raise InputError(
                            f"More than {MAX_BYTES >> 20} MiB come on standard input",
                            "Save them in a file, and name that.",
                        )
            spool.seek(0)
        yield spool


def _ascii(piece: bytes) -> bytes:
    """JSON in which no sign means anything to a terminal."""
    import json
    import re

    if piece.isascii():
        return piece
    escaped = re.sub("[^\0-\x7e]+", lambda run: json.dumps(run[0])[1:-1], piece.decode())
    return escaped.encode()


def _highlighted(hit: Found) -> str:
    """The excerpt with its hits in bold, where the output is a terminal."""
    from vlmtui import printable

    told = ""
    done = 0
    for begin, end in hit.spans:
        told += printable.line(hit.excerpt[done:begin])
        told += click.style(printable.line(hit.excerpt[begin:end]), bold=True)
        done = end
    return told + printable.line(hit.excerpt[done:])


def _message_lines(stored: StoredMessage) -> Iterator[str]:
    from vlmtui import printable
    from vlmtui.chat import export_words as words
    from vlmtui.messages import readable

    yield click.style(f"{words.speaker(stored)} · {words.day(stored.created)}", bold=True)
    for image in stored.message.images:
        yield f"[image: {printable.line(image.name)} {image.width}×{image.height}]"
    if text := readable(stored.message).strip("\n"):
        yield printable.prose(text)
    if note := words.footnote(stored):
        yield click.style(note, dim=True)
