"""What is to be said of an event that changes what the model sees or how it is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.commands.outcomes import Said
from vlmtui.engine.base import Adjusted, Encoded, Notice, Trimmed

_NAMED = 5
"""Most pictures that are named when the context has no room for them."""


def said_of(event: object, pictures: Sequence[str] = ()) -> Said | None:
    """The words for an event; None where it needs none.

    Args:
        event: Of an engine.
        pictures: Names of those that a `Trimmed` has left out.
    """
    match event:
        case Adjusted(why=why, changes=changes):
            return Said(why, f"It is loaded with {changes}" if changes else "It is loaded anyway")
        case Encoded(reused=False, scaled_to=(width, height)):
            return Said(
                f"A picture was scaled down to {width}×{height} pixels: in full it would fill the "
                "context",
                "A larger ctx in the settings leaves room for more pixels",
            )
        case Trimmed(dropped=dropped, images=images):
            named = f" ({_listed(pictures)})" if pictures else ""
            count = f"{images} picture{'s' if images > 1 else ''}"
            with_them = f", with {count}{named}," if images else ""
            return Said(
                f"The context is full: the {dropped} oldest messages{with_them} are no longer seen "
                "by the model",
                "They stay in the chat; /new starts another one",
            )
        case Notice(message=message, hint=hint):
            return Said(message, hint)
    return None


def _listed(names: Sequence[str]) -> str:
    shown = names if len(names) <= _NAMED else names[: _NAMED - 1]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
