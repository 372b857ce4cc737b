"""What is to be said of an event that changes what the model sees or how it is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui import demo
from vlmtui.commands.outcomes import Said
from vlmtui.engine.engine_events import Adjusted, Encoded, ModelInfo, Notice, Trimmed
from vlmtui.engine.engine_requests import Think
from vlmtui.printable import line
from vlmtui.storage.records import StoredMessage

_NAME = 40
_NAMED = 5
"""Most pictures that are named when the context has no room for them."""


def note_on(event: object, pictures: Sequence[str] = ()) -> Said | None:
    """The words for an event of an engine; None where it needs none.

    For a `Trimmed`, `pictures` are the names of those that it has left out.
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


def thinking_ignored(info: ModelInfo | None, think: Think) -> str:
    """What a model does of a wish to think or not, where that isn't what it says; else empty."""
    if info is None or think == "auto":
        return ""
    if "thinking" not in info.can:
        name = line(info.name, _NAME)
        return "" if think == "off" else f"{name} doesn't think, judging by its template"
    if "think_switch" in info.can:
        return ""
    if "conclude" not in info.can:
        return "Its server may ignore this"
    if think == "off":
        return "Its template has no switch for it: a thought is ended as soon as it begins"
    return ""


def note_after(stored: StoredMessage) -> Said | None:
    """What is to be said of an answer that ended; None where it speaks for itself."""
    message = stored.message
    if stored.model == demo.NAME and message.text.startswith(demo.OFF_TOPIC):
        return Said(
            "A larger model can answer this",
            "/model chooses another one, /models lists those to download",
        )
    if stored.status != "complete" or message.text.strip() or not message.thought.strip():
        return None
    return no_answer((stored.stats or {}).get("finish_reason", ""), "/think ")


def no_answer(reason: str, option: str) -> Said:
    """What is to be said where a model has thought and not answered.

    `reason` is why it ended, `option` what a budget is given with: "/think ".
    """
    until = {
        "length": " up to the length limit",
        "context": " until the context was full",
    }.get(reason, "")
    return Said(
        f"The model thought{until} and gave no answer",
        f"{option}256 ends a thought after 256 tokens, {option}off answers at once",
    )


def _listed(names: Sequence[str]) -> str:
    shown = names if len(names) <= _NAMED else names[: _NAMED - 1]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
