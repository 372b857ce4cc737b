"""What is known of a model, as labels and values, and in the words that lists use. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vlmtui import paths, units
from vlmtui.chat.model_choice import Choice
from vlmtui.models.catalog import Entry
from vlmtui.models.endpoints import ServerModel
from vlmtui.models.installed import InstalledModel

KEEPERS = {
    "demo": "vlmtui",
    "own": "vlmtui",
    "added": "models add",
    "directory": "model_dirs",
    "huggingface": "Hugging Face",
    "lm-studio": "LM Studio",
    "llama.cpp": "llama.cpp",
    "ollama": "Ollama",
    "file": "you",
}
"""Who keeps a model, for a person."""

_TERMS = {
    "open": "",
    "conditions": " (with conditions: read it first)",
    "non-commercial": " (research and private use only)",
}


def rows(choice: Choice) -> list[tuple[str, str]]:
    """All that there is to tell, without what nobody knows."""
    told: list[tuple[str, str]] = []
    if choice.installed is not None:
        told += _installed(choice.installed)
    elif choice.served is not None:
        told += _served(choice.served)
    elif choice.entry is not None:
        told += _offered(choice, choice.entry)
    told += _memory(choice)
    if choice.entry is not None:
        told += _words(choice.entry)
    return [(label, value) for label, value in told if value]


def about(model: InstalledModel) -> str:
    """A model in columns: size, quantisation, what it sees, where it lies."""
    sight = "pictures " if model.vision else "text only"
    return f"{units.size(model.size_bytes):>7}  {model.quantisation:<7}  {sight}  {place(model)}"


def place(model: InstalledModel) -> str:
    """Where a model lies, in a word or two."""
    if model.source in ("directory", "file", "added"):
        return paths.shown(model.path.parent)
    return KEEPERS[model.source]


def _installed(model: InstalledModel) -> list[tuple[str, str]]:
    tower = paths.shown(model.mmproj) if model.mmproj is not None else "none: text only"
    if model.towers:
        tower = f"one of: {', '.join(path.name for path in model.towers)}; say which with --mmproj"
    return [
        ("title", model.title),
        ("source", KEEPERS[model.source]),
        ("file", paths.shown(model.path)),
        ("vision tower", tower),
        ("size", units.size(model.size_bytes)),
        ("kind", ", ".join(filter(None, (model.architecture, _parameters(model.parameters))))),
        ("quantisation", model.quantisation),
        ("context", f"{units.count(model.context)} tokens" if model.context else ""),
        ("repository", model.repository),
        ("aliases", ", ".join(alias for alias in model.aliases if alias != model.name)),
    ]


def _served(model: ServerModel) -> list[tuple[str, str]]:
    server = model.server
    key = server.key_variable or (server.key_file and paths.shown(Path(server.key_file)))
    privacy = f"what you write and attach is sent to {server.host}"
    if server.is_here:
        privacy += ", on this machine or at the far end of a tunnel"
    return [
        ("server", server.host),
        ("address", server.url),
        ("remote name", model.model),
        ("key", f"from {key}" if key else "none"),
        ("privacy", privacy),
    ]


def _offered(choice: Choice, entry: Entry) -> list[tuple[str, str]]:
    reckoned = "about " if choice.reckoned else ""
    return [
        ("title", entry.title),
        ("repository", entry.repository or ""),
        ("size", f"{reckoned}{units.size(choice.size_bytes)}"),
        ("kind", _parameters(entry.parameters)),
        ("quantisation", entry.quantisation),
        ("context", f"{units.count(entry.context)} tokens" if entry.context else ""),
    ]


def _words(entry: Entry) -> list[tuple[str, str]]:
    up_to = "up to " if entry.image_tokens_vary else ""
    tokens = f"{up_to}{units.count(entry.image_tokens)} tokens" if entry.image_tokens else ""
    if not tokens and entry.image_tokens_vary:
        tokens = "the larger, the more tokens"
    return [
        ("good at", entry.about),
        ("per picture", tokens),
        ("licence", f"{entry.licence}{_TERMS[entry.terms]}"),
        ("board", f"{entry.board} GB or more" if entry.board else ""),
        ("sampling", _advised(entry)),
        ("note", entry.note),
    ]


def _advised(entry: Entry) -> str:
    advised = msgspec.structs.asdict(entry.sampling)
    told = ", ".join(f"{key} {value}" for key, value in advised.items() if value is not None)
    return f"{told}, as its card recommends: /preset card" if told else ""


def _memory(choice: Choice) -> list[tuple[str, str]]:
    expected = choice.fit_verdict
    if expected.problem is not None:
        return [("problem", f"{expected.problem.message}. {expected.problem.hint}")]
    fit = expected.fit
    if fit is None:
        return []
    reckoned = "about " if choice.installed is None else ""
    kv = f", KV cache in {fit.setup.kv}" if fit.setup.kv != "f16" else ""
    told = f"{expected.word}: {reckoned}{units.size(choice.need_bytes)}"
    told = f"{told} with a context of {fit.setup.ctx:,} tokens{kv}"
    if expected.changes and expected.wanted is not None:
        told = f"{told}, since there is no room for {expected.wanted.ctx:,}"
    short = [("short", expected.words)] if fit.verdict == "no" else []
    return [("memory", told), *short]


def _parameters(number: int) -> str:
    return f"{units.count(number)} parameters" if number else ""
