"""How a loaded model is spoken to: its chat template, and what ends its answers.

The file's own template where it can be used; else one that was given, or a built-in one, which is
told: an answer in the wrong format looks like a bad model.
"""

from __future__ import annotations

import msgspec

from vlmtui.builtin_templates import BUILTIN, NAMES, choose
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.base import Load, Notice
from vlmtui.engine.template import ChatTemplate
from vlmtui.errors import LoadFailed


class ChatFormat(msgspec.Struct, frozen=True):
    """What a chat with one model is written in."""

    name: str
    """See `base.ModelInfo.template`."""

    template: ChatTemplate
    ends: tuple[str, ...] = ()
    """An answer ends before one of these texts. A model that knows its template ends its turn
    itself; one that a built-in template was put on may go on and speak for the user."""

    end_tokens: frozenset[int] = frozenset()
    """Special tokens of the same meaning, which add no text."""

    notice: Notice | None = None
    """What the user must know of the choice."""


def chat_format(request: Load, model: LoadedModel) -> ChatFormat:
    """The format of a model.

    Raises:
        LoadFailed: The template that was asked for is broken.
    """
    if request.template is not None:
        return _given(request.template, model)
    why = "has no chat template"
    if own := model.chat_template():
        try:
            return ChatFormat("file", _compiled(own, model))
        except LoadFailed as error:
            why = f"has a chat template that can't be used ({error.message})"
    if request.fallback_template is not None:
        return _given(request.fallback_template, model)
    name, told_by = choose(
        model.vocabulary.special_tokens,
        model.metadata("general.architecture") or "",
        request.files.model,
    )
    notice = Notice(
        "template",
        f"{request.title} {why}; the built-in one named {name} is used, since {told_by}",
        f"If its answers look wrong, choose another with --template: a file, or one of {NAMES}.",
    )
    return msgspec.structs.replace(_given(name, model), notice=notice)


def _given(wanted: str, model: LoadedModel) -> ChatFormat:
    """The format of a built-in template by its name, or of Jinja source."""
    builtin = BUILTIN.get(wanted)
    if builtin is None:
        return ChatFormat("given", _compiled(wanted, model))
    special = model.vocabulary.special_tokens
    return ChatFormat(
        wanted,
        _compiled(builtin.source, model),
        builtin.ends,
        frozenset(special[end] for end in builtin.ends if end in special),
    )


def _compiled(source: str, model: LoadedModel) -> ChatTemplate:
    vocabulary = model.vocabulary
    return ChatTemplate(
        source,
        bos=vocabulary.text_of(vocabulary.bos),
        eos=vocabulary.text_of(vocabulary.eos),
        cancelled=lambda: model.cancel.is_set,
    )
