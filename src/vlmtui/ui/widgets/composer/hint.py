"""Lines above the composer: an answer to the last thing the user did, and what is edited."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from vlmtui import printable


class Hint(Static):
    """Hidden until there is something to say."""

    DEFAULT_CSS = """
    Hint {
        max-height: 6;
        margin: 0 1;
        padding: 0 1;
        color: $text-dim;

        &.error {
            color: $error;
        }
    }
    """

    command = ""
    """What is to be copied and run elsewhere, if the hint says that; a click copies it."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False

    def say(
        self, message: str, advice: str = "", *, error: bool = False, command: str = ""
    ) -> None:
        """Show something; nothing hides the line."""
        if not message and not self.display:
            return  # as at every key that is typed: laying out nothing takes as long as something
        self.command = command
        parts = [Content(printable.line(message))]
        if advice:
            parts.append(Content.styled(printable.line(advice), "$text-dim"))
        if command:
            parts[-1] = parts[-1].append(Content.styled("\n" + printable.line(command), "$accent"))
        self.update(Content(" " if message.endswith(("?", "…")) else ". ").join(parts))
        self.display = bool(message)
        self.set_class(error, "error")

    async def on_click(self) -> None:
        if self.command:
            await self.run_action("screen.topic('copy_command')")


class Editing(Static):
    """Says that an earlier question is being edited."""

    DEFAULT_CSS = """
    Editing {
        margin: 0 1;
        padding: 0 1;
        color: $warning;
    }
    """

    def __init__(self) -> None:
        super().__init__(
            Content.assemble(
                ("Editing an earlier question", "bold"),
                (" · Enter asks it beside the old one, Esc cancels", "$text-dim"),
            )
        )
