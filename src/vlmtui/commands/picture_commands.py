"""Pictures: named in a message, attached, fetched, listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vlmtui import printable
from vlmtui.commands import parsing
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Attached, Outcome, WantsFetch
from vlmtui.compose import mentions
from vlmtui.compose.mentions import Token
from vlmtui.errors import ImageNotFound, InputError, VlmtuiError
from vlmtui.messages import Detail, ImagePart

if TYPE_CHECKING:  # not needed for the first paint
    import threading

    from vlmtui.chat.fetch import Progress
    from vlmtui.chat.session import ChatSession
    from vlmtui.compose.picture_folders import Listing
    from vlmtui.storage.records import StoredMessage

_NAME = 60
NOT_FETCHED = "Without its @ the address is just text"


class Folder(Outcome, frozen=True):
    """A directory of pictures to choose from."""

    listing: Listing


class PicturesOfChat(Outcome, frozen=True):
    """The pictures of the shown branch, each with its message."""

    thread: Sequence[StoredMessage]


class NotOnThisMachine(ImageNotFound):
    """A path of another machine was given.

    Attributes:
        command: Run there, it brings the file here.
    """

    def __init__(self, command: str) -> None:
        super().__init__(
            "This path is not on this machine", f"Run this on yours, then send again:\n{command}"
        )
        self.command = command


# ---------------------------------------------------------------------- commands


def image(context: CommandContext, argument: str) -> Attached:
    """Attach pictures to the next message."""
    return attach(context, parsing.split_paths(argument))


def attach(
    context: CommandContext, references: Sequence[str], detail: Detail | None = None
) -> Attached:
    """Attach what is named: paths, patterns, `newest`, addresses of the web.

    One that can't be used ends it; those before it are attached. Without a detail they are looked
    at as the chat's others.
    """
    here = [name for name in references if not mentions.is_url(name)]
    urls = tuple(name for name in references if mentions.is_url(name))
    wants = WantsFetch(urls, lambda _, images: Attached(tuple(images.values()))) if urls else None
    found: list[ImagePart] = []
    for done, reference in enumerate(here):
        try:
            named = pictures(context, reference)
            found += [msgspec.structs.replace(image, detail=detail) for image in named]
        except VlmtuiError as error:
            return Attached(tuple(found), None, error, (*here[done:], *urls))
    return Attached(tuple(found), wants)


def sample(context: CommandContext, _: str = "") -> Attached:
    """Attach a sample picture that isn't attached yet."""
    if not context.samples:
        raise InputError("There are no sample pictures for this model", "/pick finds others")
    names = {image.name for image in context.draft.images}
    fresh = [path for path in context.samples if path.name not in names]
    return Attached((context.session.images.attach((fresh or context.samples)[0]),))


def crop(context: CommandContext, argument: str) -> Attached:
    """Attach a part of the picture that was attached last, or else of the chat's last one."""
    if not argument:
        raise InputError("/crop needs a part", "For example: /crop 120,40,300,200")
    shown = [image for each in context.session.transcript() for image in each.message.images]
    pictures = (*shown, *context.draft.images)
    if not pictures:
        raise InputError("There are no pictures in this chat yet", "Attach one with @path")
    return crop_of(context, pictures[-1], argument)


def crop_of(context: CommandContext, image: ImagePart, part: str) -> Attached:
    """Attach a part of a picture of the chat."""
    return Attached((context.session.images.attach_part(image.path, part, image.name),))


def pick(context: CommandContext, argument: str) -> Outcome:
    """List the pictures of a directory, or attach some of those listed last."""
    words = argument.split()
    if context.folder is not None and words and all(word.isdecimal() for word in words):
        return _picked(context, context.folder, [parsing.number(word) or 0 for word in words])
    named = parsing.split_paths(argument)
    if len(named) > 1:
        raise InputError("/pick lists one folder", "Put quotes around a path with spaces")
    return _listed(context, os.path.abspath(os.path.expanduser(named[0] if named else ".")))


def _picked(context: CommandContext, folder: Listing, numbers: Sequence[int]) -> Outcome:
    for number in numbers:
        if not 1 <= number <= len(folder.entries):
            raise InputError(
                f"There is no number {number} in the list", f"It goes up to {len(folder.entries)}"
            )
    entries = [folder.entries[number - 1] for number in numbers]
    directories = [entry for entry in entries if entry.directory]
    if directories and len(entries) > 1:
        raise InputError(
            f"{printable.line(directories[0].name)} is a folder", "Folders are opened one at a time"
        )
    if directories:
        return _listed(context, directories[0].path)
    return attach(context, [entry.path for entry in entries])


def _listed(context: CommandContext, directory: str) -> Folder:
    from vlmtui.compose import picture_folders, recent_pictures

    listing = picture_folders.read(directory, recent=recent_pictures.files())
    if listing.failure:
        raise InputError(
            f"{printable.line(directory)} can't be read: {listing.failure}", "Name another folder"
        )
    context.folder = listing
    return Folder(listing)


def view(context: CommandContext, _: str) -> Outcome:
    """Show the pictures of the chat."""
    thread = context.session.transcript()
    if not any(stored.message.images for stored in thread) and not context.draft.images:
        raise InputError("There are no pictures in this chat yet", "Attach one with @path")
    return PicturesOfChat(thread)


# ---------------------------------------------------------------------- pictures of a text


def with_pictures(
    context: CommandContext,
    text: str,
    typed: str,
    then: Callable[[mentions.Draft], Outcome],
    fetched: Mapping[str, ImagePart] = {},
) -> Outcome:
    """Go on with a text as it can be sent, and with the pictures that it mentions.

    Args:
        context: Knows the pictures that stand in the text already.
        text: What is sent.
        typed: What was typed, to be given back.
        then: The rest.
        fetched: Pictures of the web that are here already, by their addresses.

    Raises:
        VlmtuiError: One of the pictures can't be used.
    """
    tokens = list(context.tokens(text))
    for url in mentions.urls(text, tokens):
        if url.path in fetched:
            tokens.append(Token(url.start, url.end, fetched[url.path]))
    urls = tuple(dict.fromkeys(url.path for url in mentions.urls(text, tokens)))
    if urls:
        return WantsFetch(
            urls, lambda context, images: with_pictures(context, text, typed, then, images), typed
        )
    meant = mentions.pictures(text, tokens)
    _refuse_beginnings(text, tokens, meant)
    for mention in meant:
        start = mention.start
        for found in pictures(context, mention.path):
            tokens.append(Token(start, mention.end, found))
            start = mention.end  # all pictures of one pattern stand at its place
    return then(mentions.take_out(text, tokens))


def _refuse_beginnings(
    text: str, tokens: Sequence[Token], meant: Sequence[mentions.Mention]
) -> None:
    """Refuse an `@` with what several names begin with: as text it would miss its picture."""
    from vlmtui.compose import references

    taken = [(each.start, each.end) for each in meant]
    taken += [(each.start, each.end) for each in tokens]
    for mention in mentions.find(text):
        if mention.quoted or any(s < mention.end and mention.start < e for s, e in taken):
            continue
        begun = references.beginning_with(mention.path)
        if len(begun) > 1:
            typed = text[mention.start : mention.end]
            raise InputError(
                f"{typed} is the beginning of {len(begun)} pictures, and the name of none",
                f"Tab after it shows them; \\{typed} is just text",
            )


def pictures(context: CommandContext, reference: str) -> list[ImagePart]:
    """The pictures that are called so, checked and copied; raises `VlmtuiError` for a bad one."""
    from vlmtui.compose import crops, recent_pictures, references, remote_paths

    session = context.session
    reference, part = crops.split(reference)
    found = remote_paths.copied(reference) or references.resolve(reference)
    try:
        if part is None:
            images = [session.images.attach(Path(path)) for path in found]
        else:
            images = [session.images.attach_part(Path(path), part) for path in found]
    except ImageNotFound as error:
        if not remote_paths.is_elsewhere(reference):
            raise
        raise NotOnThisMachine(remote_paths.copy_command(reference)) from error
    recent_pictures.note(found)
    return images


# ---------------------------------------------------------------------- pictures of the web


def fetch_question(urls: Sequence[str]) -> str:
    """What to ask before pictures are fetched; raises `InputError` for what is no address."""
    from vlmtui import units
    from vlmtui.chat import fetch
    from vlmtui.compose import crops

    urls = [crops.split(url)[0] for url in urls]
    hosts = ", ".join(dict.fromkeys(fetch.host_of(url) for url in urls))
    what = printable.line(fetch.name_of(urls[0]), _NAME)
    what = what if len(urls) == 1 else f"{len(urls)} pictures"
    each = " each" if len(urls) > 1 else ""
    return f"Fetch {what} from {hosts}? At most {units.size(fetch.MAX_BYTES)}{each}"


def fetched(
    session: ChatSession,
    reference: str,
    progress: Progress = lambda done, total: None,
    cancelled: threading.Event | None = None,
) -> ImagePart:
    """Fetch, check and copy the picture at an address: `https://…/a.jpg[x,y,width,height]`.

    The part may be left out. Progress, cancelling and errors are as of `fetch.fetched`.

    Raises:
        InputError: There is no such part.
    """
    from vlmtui.chat import fetch
    from vlmtui.compose import crops

    url, part = crops.split(reference)
    with fetch.fetched(url, progress=progress, cancelled=cancelled) as file:
        images = session.images
        return images.attach(file) if part is None else images.attach_part(file, part)


VERBS = {"image": image, "sample": sample, "crop": crop, "pick": pick, "view": view}
