"""What people call the commands, too, for the palette, the help, and names that don't exist."""

from __future__ import annotations

ALSO = {
    "image": "photo picture file attach add upload insert",
    "pick": "photo image file attach browse upload open directory",
    "sample": "example demo photo image",
    "crop": "zoom region part cut",
    "view": "photo image zoom fullscreen enlarge preview",
    "regen": "regenerate retry redo reroll",
    "continue": "resume finish more",
    "edit": "change correct rewrite branch fork",
    "delete": "remove drop",
    "undo": "undelete restore revert recover",
    "copy": "clipboard yank",
    "thought": "reasoning thinking",
    "previous": "branch version back",
    "next": "branch version forward",
    "new": "clear reset conversation",
    "chats": "conversations sessions history sidebar",
    "search": "find grep",
    "open": "load resume conversation",
    "rename": "title name",
    "pin": "star favorite favourite bookmark",
    "duplicate": "clone fork branch",
    "export": "save share write file",
    "import": "load file",
    "trash": "delete remove drop conversation",
    "history": "previous recall prompts",
    "editor": "vim nano external compose",
    "model": "switch change load llm use",
    "models": "install download get fetch remove ls",
    "compare": "versus vs diff",
    "system": "persona role instructions",
    "set": "settings options config parameters sampling temperature temp top_p context",
    "detail": "resolution quality tokens",
    "schema": "json structured format output",
    "choices": "classify enum options",
    "grammar": "gbnf structured format output",
    "regex": "pattern structured format output",
    "think": "reasoning thinking",
    "preset": "profile mode",
    "theme": "dark light mode color appearance contrast skin",
    "monitor": "gpu cpu ram vram memory temperature power watts usage hardware load",
    "stats": "speed tokens tok/s performance usage time power",
    "help": "shortcuts manual ?",
    "keys": "shortcuts bindings hotkeys keyboard remap settings config",
    "quit": "exit bye close leave q",
}
"""By the name of a command: words apart by spaces, the likeliest first."""

KEYS = {
    "app.interrupt": "cancel exit abort",
    "chat.browse": "messages select scroll reply",
    "chat.copy_command": "clipboard remote ssh",
    "chat.stop": "cancel abort interrupt halt",
    "panes.side": "sidebar context memory preview",
}
"""By the id of a key binding that no command has."""


def named(word: str) -> list[str]:
    """The commands that somebody calls so."""
    return [name for name, words in ALSO.items() if word in words.split()]
