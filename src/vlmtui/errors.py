"""Everything that can go wrong, as one tree below `VlmtuiError`.

The text of an error is for a person: `str(error)` is what happened, `error.hint` what to do about
it. Scripts go by `exit_code`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_CHARACTERS = 2_000
"""Of an error's text: what was typed wrongly, and stands in it, may be of any length."""


def bounded(text: str) -> str:
    """The text without its middle where it is too long: both ends tell something."""
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]}…{text[-half:]}"


class VlmtuiError(Exception):
    """Base of all errors of vlmtui.

    Attributes:
        message: What happened, to which file or model; one sentence without a final full stop.
        hint: What the user can do now; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = bounded(message)
        self.hint = bounded(hint)
        super().__init__(self.message)


class InputError(VlmtuiError):
    """The user gave something that can't work."""

    exit_code = 2


class EmptyPrompt(InputError):
    """Neither text nor a picture was given."""


class ModelNotFound(InputError):
    """No model of that name or path."""


class ArchiveError(InputError):
    """A chat can't be exported to that place, or a file is no chat that can be imported."""


class MessageNotFound(InputError):
    """A message of a chat that isn't there, or isn't of the kind that was meant."""


class NothingToContinue(InputError):
    """The last answer is complete, or there is none."""


class TurnRunning(InputError):
    """Something that has to wait until the running answer has ended."""


class BadModelFile(InputError):
    """A model's file is damaged, no model, or does not go with the other file."""


class ImageError(InputError):
    """A picture can't be used."""


class ImageNotFound(ImageError):
    """No file at the path."""


class ImageIsDirectory(ImageError):
    """The path is a directory."""


class ImageUnreadable(ImageError):
    """The file exists and can't be read."""


class ImageEmpty(ImageError):
    """The file has no bytes."""


class NotAnImage(ImageError):
    """The bytes are of no known image format."""


class ImageTruncated(ImageError):
    """The file ends before the picture does, or is damaged."""


class ImageTooLarge(ImageError):
    """More pixels or bytes than we are ready to decode."""


class EngineError(VlmtuiError):
    """The engine could not do what was asked."""


class LoadFailed(EngineError):
    """A model could not be loaded."""


class SwitchFailed(EngineError):
    """A model could not be exchanged for another.

    Attributes:
        model: What the user calls the one that could not be loaded.
        back: Whether the model from before is loaded again. Where it isn't, the next question
            loads it.
    """

    def __init__(
        self, message: str, hint: str = "", *, model: str = "", back: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.model = model
        self.back = back


class OutOfMemory(LoadFailed):
    """A model needs more memory than there is."""


class GenerateFailed(EngineError):
    """An answer could not be generated; the model stays loaded."""


class ContextOverflow(EngineError):
    """A single message is larger than the model's context."""


class InvalidAnswer(EngineError):
    """An answer that isn't what it was asked to be: cut off, or ended by a text to stop at."""

    exit_code = 3


class EngineCrashed(EngineError):
    """The engine's process died.

    Attributes:
        phase: What it was doing: "starting", "idle", "load", "encode", "prefill" or "decode".
        log_tail: The last lines of the engine's log.
        memory_was_short: The system killed it, as it does when memory runs out.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        phase: str = "",
        log_tail: str = "",
        memory_was_short: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.memory_was_short = memory_was_short
        self.phase = phase
        self.log_tail = log_tail


class QuantizeFailed(VlmtuiError):
    """A model could not be made smaller; the source is as it was."""


class ConversionFailed(VlmtuiError):
    """A vision tower could not be made a graph; the model is as it was."""


class ImportFailed(VlmtuiError):
    """A checkpoint could not be made into a model; it is as it was."""


class FetchFailed(VlmtuiError):
    """A file on another machine could not be reached or read."""


class PullError(VlmtuiError):
    """A model could not be downloaded."""


class NothingToPull(PullError):
    """There is no such entry of the catalogue, no such repository, or no such file in it."""

    exit_code = 2


class AmbiguousFiles(PullError):
    """Several files of a repository may be meant.

    Attributes:
        role: "model" or "mmproj": what is to be chosen.
        candidates: Name and size in bytes of each; of a split model its first part, and the size of
            all. A size of None is not known.
    """

    exit_code = 2

    def __init__(
        self, message: str, hint: str, role: str, candidates: tuple[tuple[str, int | None], ...]
    ) -> None:
        super().__init__(message, hint)
        self.role = role
        self.candidates = candidates


class AccessDenied(PullError):
    """A repository that wants a login, or its terms accepted."""


class Unreachable(PullError):
    """A server can't be reached, or doesn't do what it is there for."""


class NotTheFile(PullError):
    """Something else came in place of a model's file, such as the page of a captive portal."""


class DamagedDownload(PullError):
    """What came differs from what the server said it would be."""


class DoesNotFit(PullError):
    """What would be downloaded doesn't fit into memory, or can't be loaded, and nobody insists."""

    exit_code = 3


class DiskFull(PullError):
    """There is no room for a download.

    Attributes:
        missing: Bytes that would have to be freed.
    """

    def __init__(self, message: str, hint: str, missing: int) -> None:
        super().__init__(message, hint)
        self.missing = missing


class StorageError(VlmtuiError):
    """A chat or a picture could not be read from or written to the data directory."""


class SettingsError(VlmtuiError):
    """A settings file can't be understood."""

    exit_code = 2


def named(
    name: str, message: str, hint: str, otherwise: type[VlmtuiError] = VlmtuiError
) -> VlmtuiError:
    """The error of this name, as another process reports it; `otherwise` where it is unknown."""
    kind = globals().get(name)
    if not (isinstance(kind, type) and issubclass(kind, VlmtuiError)):
        kind = otherwise
    return kind(message, hint)


@contextmanager
def os_errors_as(kind: Callable[..., VlmtuiError], what: str, *hint: str) -> Iterator[None]:
    """Raise an error of ours where the system refuses something, with its reason.

    `what` couldn't be done, to which file; the reason follows a colon.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {reason(error)}", remedy(error, hint[0] if hint else "")) from error


def reason(error: Exception) -> str:
    """What an error says, without the number that the system's have."""
    return getattr(error, "strerror", None) or str(error)


SHORTAGES = {
    errno.EMFILE: ("vlmtui may open no more files", "Allow it more: ulimit -n 1024."),
    errno.ENFILE: ("This machine can open no more files", "Close other programs."),
    errno.ENOMEM: ("There is not enough memory", "Close other programs, or allow vlmtui more."),
    errno.ENOSPC: ("There is no space left on the disk", "Free some space."),
    errno.EDQUOT: ("Your quota of the disk is used up", "Free some space, or ask for more."),
    errno.EIO: ("A disk fails", "Check the disk; the system's log (dmesg) says more."),
    errno.EROFS: ("The disk is read-only", "Mount it writable, or use another one."),
    errno.ESTALE: ("The network disk has lost a file", "Mount it again."),
}
"""What the machine refuses whoever asks, by the number of the error; what to say, what to do."""


def remedy(error: OSError, otherwise: str) -> str:
    """What to do about an error of the system; `otherwise` where that is about the file alone."""
    return SHORTAGES[error.errno][1] if error.errno in SHORTAGES else otherwise
