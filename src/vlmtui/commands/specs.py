"""Slash commands: which there are, and how they are called. What they do is in `*_commands`."""

from __future__ import annotations

import msgspec


class Spec(msgspec.Struct, frozen=True):
    """A command as the help shows it."""

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
    """What its argument can be is known: its topic's `CHOICES` tell."""

    topic: str = ""
    """Its verb is in the module `<topic>_commands`; empty: it is the front end's own affair."""

    def lacks(self, argument: str) -> bool:
        """Whether it can't be done with no more than this; empty quotes are nothing."""
        return bool(self.example) and not argument.strip("\"' ")

    @property
    def article_and_argument(self) -> str:
        """What is missing, for a sentence: `a path`."""
        noun = self.arguments.split()[0].strip("[]….").lower()
        return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


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
    Spec("system", "[TEXT]", "set the system prompt of this chat", topic="settings"),
    Spec(
        "set",
        "[NAME VALUE]",
        "set temperature, seed and so on for this chat",
        choices=True,
        topic="settings",
    ),
    Spec(
        "preset",
        "[NAME]",
        "have this chat answered precisely, creatively, …",
        choices=True,
        topic="settings",
    ),
    Spec("theme", "[NAME]", "choose the colours", choices=True),
    # the application
    Spec("monitor", "", "show everything the machine tells", binding="chat.monitor"),
    Spec("stats", "", "show what the answers took: speed, memory, energy"),
    Spec("help", "", "list the keys and commands", binding="app.help"),
    Spec("keys", "", "list what can be put on other keys, and how"),
    Spec("quit", "", "leave; everything is saved", binding="app.quit"),
)


def find(name: str) -> Spec | None:
    """The command of this name."""
    return next((spec for spec in SPECS if spec.name == name), None)


def beginning_with(text: str) -> list[Spec]:
    """The commands that begin like this, slash included."""
    return [spec for spec in SPECS if f"/{spec.name}".startswith(text.lower())]
