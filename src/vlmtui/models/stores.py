"""Where model files lie on this machine: our own directories, and the stores of other programs.

Only names and links are read here, never the files themselves; nothing is copied or changed. The
layouts are those of huggingface_hub's cache, LM Studio, and llama.cpp's `-hf` downloads; Ollama's
is in a module of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from vlmtui import kept, paths
from vlmtui.errors import StorageError
from vlmtui.models import ollama
from vlmtui.models.installed import Source, StoredFile

_DEEPEST = 8
"""Directories below a root that are looked into."""

_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_MANIFEST = re.compile(r"manifest=([^=]+)=([^=]+)=.*\.json")


class Stock(msgspec.Struct):
    """All that was found."""

    files: list[StoredFile] = []
    unreadable: list[Path] = []
    """Directories and manifests that can't be read, and the user's own that aren't there."""


def stock(directories: Sequence[str] = ()) -> Stock:
    """Look into all stores, and everything below the user's own directories; `~` is expanded."""
    found = Stock()
    with suppress(StorageError):
        _add_tree(found, paths.models_dir(), "own")
    for directory in directories:
        root = Path(os.path.expanduser(directory))
        if root.is_dir():
            _add_tree(found, root, "directory")
        else:
            found.unreadable.append(root)  # a slip of the pen, or a disk that isn't mounted
    _add_hugging_face(found, hugging_face_cache())
    for place in ("~/.lmstudio/models", "~/.cache/lm-studio/models"):
        _add_tree(found, Path(os.path.expanduser(place)), "lm-studio")
    _add_llama_cpp(found, _llama_cpp_cache())
    for store in ollama.stores():
        models, unreadable = ollama.read(store)
        found.files += models
        found.unreadable += unreadable
    return found


def hugging_face_cache() -> Path:
    """The cache that huggingface_hub and everything built on it share."""
    variable = cache_variable()
    if variable == "HF_HOME":
        return hugging_face_home() / "hub"
    return Path(os.path.expanduser(os.environ[variable]))


def cache_variable() -> str:
    """The variable that says where this cache is, or would."""
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    return next((name for name in names if os.environ.get(name)), "HF_HOME")


def hugging_face_home() -> Path:
    """Where Hugging Face's tools keep what they have."""
    home = os.environ.get("HF_HOME")
    return Path(os.path.expanduser(home)) if home else _user_cache() / "huggingface"


def _llama_cpp_cache() -> Path:
    place = os.environ.get("LLAMA_CACHE")
    return Path(os.path.expanduser(place)) if place else _user_cache() / "llama.cpp"


def _user_cache() -> Path:
    place = os.environ.get("XDG_CACHE_HOME")
    return Path(place) if place else Path(os.path.expanduser("~/.cache"))


def _add_tree(found: Stock, root: Path, source: Source) -> None:
    for path in _ggufs(found, root):
        inner = path.parent.relative_to(root).parts
        repository = "/".join(inner[:2]) if source == "lm-studio" and len(inner) >= 2 else ""
        found.files.append(StoredFile(path, source, str(path.parent), repository))


def _add_hugging_face(found: Stock, cache: Path) -> None:
    for repository in _entries(found, cache):
        if not repository.name.startswith("models--"):
            continue
        name = repository.name.removeprefix("models--").replace("--", "/")
        seen: set[Path] = set()
        for snapshot in _snapshots(found, repository):
            for path in _ggufs(found, snapshot):
                inner = path.relative_to(snapshot)
                if inner not in seen:  # the same file of an older revision
                    seen.add(inner)
                    found.files.append(StoredFile(path, "huggingface", str(repository), name))


def _snapshots(found: Stock, repository: Path) -> list[Path]:
    """The revisions of a repository: what `main` is, then the newest first."""
    main = ""
    with suppress(OSError, UnicodeDecodeError):
        main = kept.read(repository / "refs" / "main").decode().strip()
    revisions = _entries(found, repository / "snapshots")
    return sorted(revisions, key=lambda path: (path.name != main, -_modified(path)))


def _add_llama_cpp(found: Stock, cache: Path) -> None:
    """All its files lie in one directory: `OWNER_NAME_FILE.gguf`, and manifests that name both."""
    names = [path.name for path in _entries(found, cache)]
    repositories = {
        f"{manifest[1]}_{manifest[2]}_": f"{manifest[1]}/{manifest[2]}"
        for name in names
        if (manifest := _MANIFEST.fullmatch(name))
    }
    for name in names:
        if not _is_first_part(name):
            continue
        known = [prefix for prefix in repositories if name.startswith(prefix)]
        prefix = max(known, key=len) if known else _guessed_prefix(name)
        group = str(cache / prefix) if prefix else str(cache)
        repository = repositories.get(prefix, "")
        stem = Path(name.removeprefix(prefix)).stem
        found.files.append(StoredFile(cache / name, "llama.cpp", group, repository, stem))


def _guessed_prefix(name: str) -> str:
    """Owner and repository in a file's name without a manifest: most end in `-GGUF`."""
    match = re.match(r"[^_]+_.+?[-_.]gguf_", name, re.IGNORECASE)
    return match[0] if match else ""


def _ggufs(found: Stock, root: Path) -> Iterator[Path]:
    """GGUF files below a directory, by name; links are followed, each directory visited once."""
    visited: set[tuple[int, int]] = set()

    def below(directory: Path, depth: int) -> Iterator[Path]:
        try:
            status = directory.stat()
        except OSError:
            return
        if (status.st_dev, status.st_ino) in visited or depth > _DEEPEST:
            return
        visited.add((status.st_dev, status.st_ino))
        folders = []
        for entry in _scan(found, directory):
            if _is_first_part(entry.name):
                yield directory / entry.name
            elif _is_directory(entry):
                folders.append(directory / entry.name)
        for folder in folders:
            yield from below(folder, depth + 1)

    return below(root, 0)


def _is_first_part(name: str) -> bool:
    return (
        name.lower().endswith(".gguf") and not name.startswith(".") and not _LATER_PART.search(name)
    )


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:
        return False


def _entries(found: Stock, directory: Path) -> list[Path]:
    return [directory / entry.name for entry in _scan(found, directory)]


def _scan(found: Stock, directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        found.unreadable.append(directory)
        return []


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
