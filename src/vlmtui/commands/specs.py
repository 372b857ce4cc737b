"""Slash commands: which there are. What they do is in `*_commands`."""

from __future__ import annotations

import re

from vlmtui.commands import synonyms
from vlmtui.commands.spec import FrontEnd, Spec
from vlmtui.errors import InputError

_IN_SHELL = re.compile(r"`vlmtui (models(?: (?:pull|rm|info) [^`]+)?)`")


def _changing(name: str, arguments: str, summary: str) -> Spec:
    """What is done with one message, and changes which messages are shown."""
    return Spec(name, arguments, summary, "message", idle=True, takes_message=True, alone=True)


SPECS = (
    # pictures
    Spec(
        *("image", "PATH…", "attach pictures to the next message", "picture"), example="~/photo.jpg"
    ),
    Spec(
        *("pick", "[FOLDER or NUMBER…]", "look for pictures in folders", "picture"),
        binding="chat.pick",
        alone=True,
    ),
    Spec("sample", "", "attach one of the sample pictures", "picture"),
    Spec(
        *("crop", "[X,Y,WIDTH,HEIGHT]", "attach a part of the last picture", "picture"),
        binding="picture.crop",
        alone=True,
        example="120,40,300,200",
    ),
    Spec("view", "", "show the pictures of the chat", "picture", binding="chat.view"),
    # messages
    _changing("regen", "[#NUMBER]", "answer the last question again"),
    Spec("continue", "", "continue an answer that was cut off", "message", idle=True),
    _changing("edit", "[#NUMBER] [TEXT]", "edit the last question and ask it again"),
    _changing("delete", "[#NUMBER]", "delete the last question and everything after it"),
    Spec("undo", "", "restore what was deleted last", "message", idle=True),
    Spec(
        *("copy", "[#NUMBER] [code]", "copy the last answer, or its last block of code", "message"),
        takes_message=True,
    ),
    Spec(
        *("thought", "[#NUMBER]", "show what was thought before the last answer", "message"),
        takes_message=True,
        alone=True,
    ),
    _changing("previous", "[#NUMBER]", "show the previous version of a message"),
    _changing("next", "[#NUMBER]", "show the next version of a message"),
    Spec(
        *("show", "[#NUMBER or all]", "print the last messages with their numbers", "message"),
        only="lines",
        instead=("The messages are on the screen already", "Alt+Up goes through them"),
    ),
    Spec(
        *("more", "", "print the rest of the last list"),
        only="lines",
        instead=("There is no list to continue", "Lists are shown whole here"),
    ),
    # chats
    Spec("new", "", "start a new chat", "chat", idle=True),
    Spec("chats", "[TITLE]", "list the chats", "chat", binding="panes.chats", alone=True),
    Spec(
        *("search", "[TEXT]", "search all chats", "chat"),
        binding="chat.search",
        example="red circle",
    ),
    Spec(
        *("open", "TITLE or NUMBER [#MESSAGE]", "open the newest chat with this title", "chat"),
        idle=True,
        example="receipt",
    ),
    Spec("rename", "TITLE", "rename this chat", "chat", example="Shapes and colours"),
    Spec("pin", "", "pin this chat to the top of the list, or unpin it", "chat"),
    Spec("duplicate", "", "copy this chat and continue in the copy", "chat", idle=True),
    Spec("export", "[FORMAT] [PATH]", "save this chat as markdown, html or json", "chat"),
    Spec(
        *("import", "PATH", "open a chat that was saved as json", "chat"),
        idle=True,
        example="~/shapes.json",
    ),
    Spec("trash", "", "delete this chat; /undo restores it", "chat", idle=True),
    # writing
    Spec(
        *("history", "[TEXT or #NUMBER]", "find an earlier question and ask it again", "writing"),
        binding="chat.history",
        alone=True,
    ),
    Spec(
        *("editor", "[#NUMBER or TEXT]", "write the message in your own editor", "writing"),
        binding="chat.editor",
        alone=True,
    ),
    # models
    Spec(
        *("model", "[NAME]", "switch to another model", "model"),
        idle=True,
        binding="chat.model",
        choices=True,
    ),
    Spec(
        *("models", "[pull, rm or info NAME]", "list, download or delete models", "model"),
        choices=True,
        alone=True,
    ),
    Spec(
        *("compare", "MODEL MODEL [QUESTION]", "ask two models the same question", "model"),
        idle=True,
        example="demo llava:7b",
    ),
    # settings
    Spec("system", "[TEXT]", "set the system prompt of this chat", "settings"),
    Spec(
        *("set", "[NAME VALUE]", "set temperature, seed and so on for this chat", "settings"),
        choices=True,
    ),
    Spec(
        *("detail", "[HOW]", "look at pictures in low, normal, high or max detail", "settings"),
        choices=True,
        example="high",
    ),
    Spec(
        *("schema", "[SCHEMA or off]", "make answers in this chat follow a schema", "constraint"),
        example="name: str, tags: [str]",
    ),
    Spec(
        *("choices", "[A,B,C or off]", "make the answer one of these choices", "constraint"),
        example="red,green,blue",
    ),
    Spec(
        *(
            "grammar",
            "[FILE.gbnf or off]",
            "make answers in this chat follow a grammar",
            "constraint",
        ),
        example="answer.gbnf",
    ),
    Spec(
        *("regex", "[PATTERN or off]", "make answers in this chat match a pattern", "constraint"),
        example="[0-9]{5}",
    ),
    Spec(
        *("think", "[on, off, auto or N]", "think before answering, N tokens at most", "settings"),
        choices=True,
    ),
    Spec(
        *("preset", "[NAME]", "use a preset for this chat: precise, creative, …", "settings"),
        choices=True,
    ),
    Spec(
        *("theme", "[NAME]", "choose the colours"),
        choices=True,
        only="screen",
        instead=("There are no themes here", "The colours are those of your terminal"),
    ),
    # the application
    Spec("monitor", "", "show what the machine is doing", "stats", binding="chat.monitor"),
    Spec(
        "stats",
        "[#NUMBER]",
        "show the speed, memory and energy of the answers",
        "stats",
        alone=True,
    ),
    Spec("help", "[COMMAND]", "list the keys and commands", binding="app.help", alone=True),
    Spec(
        *("keys", "", "list the keys that can be changed, and how"),
        only="screen",
        instead=(
            "The plain chat has no keys of its own",
            "The keys of the line you type are readline's: ~/.inputrc changes them",
        ),
    ),
    Spec("quit", "", "quit; everything is saved", binding="app.quit"),
)


def find(name: str) -> Spec | None:
    """The command of this name."""
    return next((spec for spec in SPECS if spec.name == name), None)


def wanted(name: str, front_end: FrontEnd) -> Spec:
    """The command of this name, for a front end.

    Raises:
        InputError: There is none, or this front end doesn't have it; says what to do.
    """
    spec = find(name)
    if spec is None:
        raise InputError(
            f"There is no command /{name[:40]}",
            f"{_similar(name, front_end)}/help lists them; a space before the slash makes it text",
        )
    if spec.only not in (None, front_end):
        raise InputError(*spec.instead)
    return spec


def slashed(advice: str) -> str:
    """Advice written for a shell, for somebody in the chat: /models, not `vlmtui models`."""
    return _IN_SHELL.sub(r"/\1", advice)


def of(front_end: FrontEnd) -> list[Spec]:
    """The commands that a front end has."""
    return [spec for spec in SPECS if spec.only in (None, front_end)]


def beginning_with(text: str, front_end: FrontEnd = "screen") -> list[Spec]:
    """The commands that begin like this, slash included; on the screen, else by other words."""
    text = text.lower()
    found = [spec for spec in of(front_end) if f"/{spec.name}".startswith(text)]
    if found or front_end == "lines":  # readline takes away what its choices don't begin with
        return found
    word = text[1:]
    return [spec for spec in of(front_end) if any(w.startswith(word) for w in spec.also.split())]


def _similar(name: str, front_end: FrontEnd) -> str:
    from difflib import get_close_matches

    names = [spec.name for spec in of(front_end)]
    near = [*synonyms.named(name), *get_close_matches(name, names, 1)]
    return next((f"Did you mean /{each}? " for each in near if each in names), "")
