"""Pictures in the plain chat: named in a message, attached, fetched, listed."""

from __future__ import annotations

import os
from pathlib import Path

from vlmtui import dates, printable, units
from vlmtui.commands import parsing
from vlmtui.compose import mentions, picture_folders, recent_pictures, references, remote_paths
from vlmtui.compose.mentions import Draft, Token
from vlmtui.errors import ImageNotFound, InputError
from vlmtui.messages import ImagePart
from vlmtui.plain.sitting import Sitting
from vlmtui.stats.image_costs import Cost, thread_costs
from vlmtui.storage.records import StoredMessage


class PictureCommands(Sitting):
    """What can be done with pictures."""

    _picked: tuple[picture_folders.Entry, ...] = ()
    _picked_in = "."

    def draft(self, text: str) -> Draft:
        """A text as it can be sent, with the pictures that it mentions.

        Raises:
            VlmtuiError: One of them can't be used, or may not be fetched.
            KeyboardInterrupt: It shall not be sent.
        """
        tokens: list[Token] = []
        for mention in mentions.pictures(text):
            images = self._pictures(mention.path)
            # all pictures of one pattern stand at its place
            tokens += [Token(mention.start, mention.end, image) for image in images[:1]]
            tokens += [Token(mention.end, mention.end, image) for image in images[1:]]
        return mentions.take_out(text, tokens)

    def command_image(self, argument: str) -> None:
        """Attach pictures to the next message."""
        for reference in parsing.split_paths(argument):
            self.attached(self._pictures(reference))

    def command_sample(self, _: str) -> None:
        """Attach a sample picture that isn't attached yet."""
        samples = self.means.samples
        if not samples:
            raise InputError("There are no sample pictures for this model")
        names = {image.name for image in self.waiting}
        fresh = [path for path in samples if path.name not in names]
        self.attached([self.session.attach((fresh or list(samples))[0])])

    def command_pick(self, argument: str) -> None:
        """List the pictures of a directory, or attach some of those listed last."""
        words = argument.split()
        if self._picked and words and all(word.isdecimal() for word in words):
            for word in words:
                self._pick(int(word))
            return
        named = parsing.split_paths(argument)
        self._list_pictures(os.path.abspath(os.path.expanduser(named[0] if named else ".")))

    def _pick(self, number: int) -> None:
        if not 1 <= number <= len(self._picked):
            raise InputError(
                f"There is no number {number} in the list", f"It goes up to {len(self._picked)}"
            )
        entry = self._picked[number - 1]
        if entry.directory:
            self._list_pictures(entry.path)
        else:
            self.attached(self._pictures(entry.path))

    def _list_pictures(self, directory: str) -> None:
        listing = picture_folders.read(directory, recent=recent_pictures.files())
        here = printable.line(directory)
        if listing.failure:
            raise InputError(f"{here} can't be read: {listing.failure}", "Name another folder")
        self._picked = listing.entries
        self.voice.note(f"In {here}:")
        self.print_rows(
            (_row(number, entry) for number, entry in enumerate(listing.entries, 1)),
            "There are no pictures and no folders",
            "/pick NUMBER attaches a picture or goes into a folder",
        )

    def command_view(self, _: str) -> None:
        """Tell of the pictures of this chat."""
        thread = self.session.transcript()
        known = thread_costs(stored.stats for stored in thread)
        self.print_rows(
            (_told(stored, image, known) for stored in thread for image in stored.message.images),
            "There are no pictures in this chat",
            "Another program can show these files",
        )

    # ------------------------------------------------------------------ getting them

    def _pictures(self, reference: str) -> list[ImagePart]:
        """The pictures that are called so, checked and copied.

        Raises:
            VlmtuiError: One can't be used, or may not be fetched.
        """
        if mentions.is_url(reference):
            return [self._fetch(reference)]
        found = references.resolve(reference)
        try:
            images = [self.session.attach(Path(path)) for path in found]
        except ImageNotFound:
            if not remote_paths.is_elsewhere(reference):
                raise
            raise ImageNotFound(
                "This path is not on this machine",
                f"On yours run this, then send again:\n{remote_paths.copy_command(reference)}",
            ) from None
        recent_pictures.note(found)
        return images

    def _fetch(self, url: str) -> ImagePart:
        """A picture from the web, if the user agrees."""
        from vlmtui.chat import fetch

        host, name = fetch.host_of(url), printable.line(fetch.name_of(url), 60)
        limit = units.size(fetch.MAX_BYTES)
        question = f"Fetch {name} from {host}? At most {limit}"
        if not self.lines.confirm(self.voice.note, question):
            raise InputError("Nothing was fetched", "Without its @ the address is just text")
        self.voice.note(f"Fetching from {host} …")
        try:
            with fetch.fetched(url) as file:
                return self.session.attach(file)
        except KeyboardInterrupt:
            if not self.lines.interactive:
                raise
            raise InputError("Cancelled; nothing was fetched") from None


def _row(number: int, entry: picture_folders.Entry) -> str:
    name = printable.line(entry.name, 80)
    if entry.directory:
        return f"{number}: {name} (a folder)"
    lately = ", attached lately" if entry.recent else ""
    size = units.size(entry.size_bytes)
    return f"{number}: {name}, {size}, {dates.full(entry.modified)}{lately}"


def _told(stored: StoredMessage, image: ImagePart, known: dict[str, Cost]) -> str:
    name = printable.line(image.name, 80)
    words = [f"{image.width}×{image.height}", *known.get(image.sha256, Cost()).words()]
    return f"#{stored.id}: {name}, {', '.join(words)}, {printable.line(image.path)}"
