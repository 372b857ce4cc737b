"""What a file is that was taken for a GGUF file and isn't one, told by how it begins."""

from __future__ import annotations

from vlmtui.errors import BadModelFile

SNIFFED_BYTES = 512

_AGAIN = "Download the model file itself again."
_PICTURE = "Attach the picture to a question; the model is another file."
_CONVERT = "Use a GGUF version of the model: its page lists them under quantizations."

_MAGICS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for", "git lfs pull"),
    (b"PK\x03\x04", "a zip archive, as PyTorch checkpoints are", _CONVERT),
    (b"\x80\x02", "a Python pickle, as old PyTorch checkpoints are", _CONVERT),
    (b"\x80\x03", "a Python pickle, as old PyTorch checkpoints are", _CONVERT),
    (b"\x80\x04", "a Python pickle, as old PyTorch checkpoints are", _CONVERT),
    (b"lmgg", "a model in the old GGML format of 2023", _CONVERT),
    (b"fmgg", "a model in the old GGMF format of 2023", _CONVERT),
    (b"tjgg", "a model in the old GGJT format of 2023", _CONVERT),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first: gunzip FILE."),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it first: unzstd FILE."),
    (b"\xfd7zXZ\0", "an xz archive", "Unpack it first: unxz FILE."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"\x89PNG", "a picture", _PICTURE),
    (b"\xff\xd8\xff", "a picture", _PICTURE),
    (b"RIFF", "a picture or sound", _AGAIN),
    (b"%PDF", "a PDF document", _AGAIN),
    (b"\x7fELF", "a program", _AGAIN),
)


def not_a_gguf(name: str, beginning: bytes) -> BadModelFile:
    """The error for a file that has these first `SNIFFED_BYTES`, or fewer."""
    what, hint = _describe(beginning)
    return BadModelFile(f"{name} is not a GGUF file: it is {what}", hint)


def _describe(beginning: bytes) -> tuple[str, str]:
    if not beginning:
        return "empty", "The download had not started: download it again."
    for magic, what, hint in _MAGICS:
        if beginning.startswith(magic):
            return what, f"Fetch it with: {hint}" if hint.startswith("git") else hint
    if beginning[4:8] == b"TFL3":
        return "a TensorFlow Lite model", _CONVERT
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return (
            "a web page",
            "The address led to a page, not to the file: log in, or use the download link "
            "(on Hugging Face /resolve/ instead of /blob/).",
        )
    if len(beginning) > 9 and beginning[8:9] == b"{" and not any(beginning[5:8]):
        return "a safetensors file", _CONVERT
    if text.startswith((b"{", b"[")):
        return "JSON text", "A server's error message, perhaps; look into the file."
    if not any(beginning):
        return "nothing but zeros where it should begin", (
            "A download that reserved the space and did not finish: download it again."
        )
    return f"something else, and begins with {repr(beginning[:4])[1:]}", _AGAIN
