"""Slash commands: which there are, and how a line is read as one. What they do is the screen's."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from vlmtui.compose.completion import spell


class Spec(msgspec.Struct, frozen=True):
    """A command as the help shows it. What it does is a method `command_<name>` of the screen."""

    name: str
    arguments: str
    summary: str
    idle: bool = False
    """It can't be done while an answer is on its way."""

    binding: str = ""
    """Id of the key binding that does the same."""

    example: str = ""
    """An argument for it; given where it can't be done without one."""

    choices: bool = False
    """The screen knows what its argument can be: a method `choices_<name>`, called in a thread,
    gives `Choice`s."""

    def lacks(self, argument: str) -> bool:
        """Whether it can't be done with no more than this; empty quotes are nothing."""
        return bool(self.example) and not argument.strip("\"' ")

    @property
    def article_and_argument(self) -> str:
        """What is missing, for a sentence: `a path`."""
        noun = self.arguments.split()[0].strip("[]….").lower()
        return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


class Choice(msgspec.Struct, frozen=True):
    """Something that a command's argument can be."""

    value: str
    note: str = ""
    """What stands beside it in a list."""


SPECS = (
    # pictures
    Spec("image", "PATH…", "attach pictures to the next message", example="~/photo.jpg"),
    Spec("pick", "", "look for pictures in directories", binding="chat.pick"),
    Spec("sample", "", "attach one of the sample pictures"),
    Spec("view", "", "show the pictures of the chat full screen", binding="chat.view"),
    # messages
    Spec("regen", "", "answer the last question again", idle=True),
    Spec("continue", "", "go on with an answer that was cut off", idle=True),
    Spec("edit", "", "edit the last question and ask it again", idle=True),
    Spec("delete", "", "delete the last question with its answer", idle=True),
    Spec("undo", "", "bring back what was deleted last", idle=True),
    Spec("copy", "[code]", "copy the last answer, or its last block of code"),
    # chats
    Spec("new", "", "begin a new chat", idle=True),
    Spec("chats", "", "show the list of chats", binding="panes.chats"),
    Spec("search", "[TEXT]", "search in all chats", binding="chat.search"),
    Spec("open", "TITLE", "open the newest chat with these words in its title", example="receipt"),
    Spec("rename", "TITLE", "give this chat another title", example="Shapes and colours"),
    Spec("pin", "", "put this chat above the others, or back among them"),
    Spec("duplicate", "", "go on in a copy of this chat", idle=True),
    Spec("export", "[FORMAT] [PATH]", "save this chat as markdown, html or json"),
    Spec("import", "PATH", "open a chat that was saved as json", example="~/shapes.json"),
    Spec("trash", "", "delete this chat; /undo brings it back", idle=True),
    # writing
    Spec("history", "", "search what was asked before", binding="chat.history"),
    Spec("editor", "", "write the message in your own editor", binding="chat.editor"),
    # models
    Spec(
        *("model", "[NAME]", "have the chat answered by another model"),
        idle=True,
        binding="chat.model",
        choices=True,
    ),
    Spec("models", "", "show all models, also those to be had; delete them"),
    Spec(
        *("compare", "MODEL MODEL [QUESTION]", "have two models answer the same question"),
        idle=True,
        example="demo llava:7b",
    ),
    # settings
    Spec("system", "[TEXT]", "set the system prompt of this chat"),
    Spec("set", "[NAME VALUE]", "set temperature, seed and so on for this chat", choices=True),
    Spec("preset", "[NAME]", "have this chat answered precisely, creatively, …", choices=True),
    Spec("theme", "[NAME]", "choose the colours", choices=True),
    # the application
    Spec("monitor", "", "show everything the machine tells", binding="chat.monitor"),
    Spec("stats", "", "show what the answers took: speed, memory, energy"),
    Spec("help", "", "list the keys and commands", binding="app.help"),
    Spec("keys", "", "list what can be put on other keys, and how"),
    Spec("quit", "", "leave; everything is saved", binding="app.quit"),
)


class Command(msgspec.Struct, frozen=True):
    """A line that was read as a command."""

    name: str
    argument: str


def parse(text: str) -> Command | None:
    """Read a message as a command; None where it is just text.

    `/data/cat.png` and ` /new` are text: a command is a slash and one word at the very beginning.
    """
    match = re.fullmatch(r"/([A-Za-z][\w-]*)(?:\s+(.*?))?\s*", text, re.DOTALL)
    if match is None:
        return None
    return Command(match[1].lower(), match[2] or "")


def find(name: str) -> Spec | None:
    """The command of this name."""
    return next((spec for spec in SPECS if spec.name == name), None)


def beginning_with(text: str) -> list[Spec]:
    """The commands that begin like this, slash included."""
    return [spec for spec in SPECS if f"/{spec.name}".startswith(text.lower())]


def split_paths(argument: str) -> list[str]:
    """The paths after `/image`: separated by spaces, with quotes or backslashes around odd ones.

    A quote that is never closed runs to the end.
    """
    paths = []
    for match in re.finditer(r""""([^"]*)"?|'([^']*)'?|((?:\\.|[^\s\\])+)""", argument):
        double, single, bare = match.groups()
        path = double if double is not None else single
        paths.append(path if path is not None else re.sub(r"\\(.)", r"\1", bare))
    return [path for path in paths if path]


def image_line(paths: Sequence[str]) -> str:
    """The command that attaches these pictures; the reverse of `split_paths`."""
    return " ".join(("/image", *(spell(path, "", whole=True) for path in paths)))
