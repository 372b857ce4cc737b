"""The slash commands of the plain chat: those of the screen, said in lines, and a few more.

What a cursor or a list does on the screen, a number does here: `#17` is a message.
"""

from __future__ import annotations

import msgspec

from vlmtui.commands import specs
from vlmtui.commands.specs import Spec
from vlmtui.errors import InputError

_OTHERWISE = {
    "pick": ("[FOLDER or NUMBER…]", "list the pictures of a folder, attach some by number"),
    "view": ("", "tell which pictures are in this chat, what they cost and where they lie"),
    "regen": ("[#NUMBER]", "answer the last question again, or that of a message"),
    "edit": ("[#NUMBER] [TEXT]", "ask the last question, or another one, in other words"),
    "delete": ("[#NUMBER]", "delete the last question, or a message, with all that follows"),
    "copy": ("[#NUMBER] [code]", "print an answer once more, or its last block of code"),
    "chats": ("[TITLE]", "list the chats, or those with these words in their titles"),
    "search": ("TEXT", "search in all chats"),
    "open": ("NUMBER or TITLE", "open a chat; NUMBER #MESSAGE goes to one of its messages"),
    "history": ("[WORDS or #NUMBER]", "list what was asked before; #NUMBER asks it once more"),
    "editor": ("[#NUMBER]", "write a message in your own editor, or edit a question there"),
    "model": ("[NAME]", "tell which model answers, or have another one answer"),
    "models": ("[pull, rm or info NAME]", "list all models; fetch or delete one, or tell of it"),
    "preset": ("[NAME]", "list the presets, or take one for this chat"),
    "monitor": ("", "tell everything the machine tells"),
    "stats": ("[#NUMBER]", "tell what the answers took, or all that is known of a message"),
    "help": ("[COMMAND]", "list the commands, or explain one"),
}
"""Arguments and summary, where they are not those of the screen."""

_MORE = (
    Spec("show", "[#NUMBER or all]", "print the last messages of this chat with their numbers"),
    Spec("previous", "[#NUMBER]", "show the version before of the last message that has several"),
    Spec("next", "[#NUMBER]", "show the next version of a message"),
    Spec("more", "", "go on with the last list"),
)

INSTEAD = {
    "theme": ("There are no colours here to choose from", "They are those of your terminal"),
    "keys": (
        "The plain chat has no keys of its own to change",
        "Those of the line you type are readline's: ~/.inputrc changes them",
    ),
}
"""Commands that are about a screen, and what to do instead."""


def _specs() -> tuple[Spec, ...]:
    told: list[Spec] = []
    for spec in specs.SPECS:
        if spec.name in INSTEAD:
            continue
        arguments, summary = _OTHERWISE.get(spec.name, (spec.arguments, spec.summary))
        example = spec.example or ("red circle" if spec.name == "search" else "")
        told.append(
            msgspec.structs.replace(spec, arguments=arguments, summary=summary, example=example)
        )
        if spec.name == "copy":
            told.extend(_MORE)
    return tuple(told)


SPECS = _specs()


def find(name: str) -> Spec:
    """The command of this name.

    Raises:
        InputError: There is none, or it is about a screen; says what to do.
    """
    if name in INSTEAD:
        raise InputError(*INSTEAD[name])
    for spec in SPECS:
        if spec.name == name:
            return spec
    raise InputError(
        f"There is no command /{name}", "/help lists them; a space before the slash makes it text"
    )


def usage(spec: Spec) -> str:
    """A command and what it does, on a line."""
    return f"{f'/{spec.name} {spec.arguments}'.rstrip()}: {spec.summary}"
