"""How a loaded model is spoken to: its chat template, and what ends its answers.

The file's own template where it can be used; else one that was given, or a built-in one, which is
told: an answer in the wrong format looks like a bad model.
"""

from __future__ import annotations

import msgspec

from vlmtui import demo
from vlmtui.builtin_templates import BUILTIN, LINES, NAMES, choose
from vlmtui.engine.backends.llamacpp import forms
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.thought_markers import find
from vlmtui.engine.engine_events import Capability, Notice
from vlmtui.engine.engine_requests import Load
from vlmtui.engine.template import ChatTemplate
from vlmtui.engine.thought_split import Markers
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

    markers: Markers | None = None
    """What parts a thought from the answer; None for a model that doesn't think."""

    @property
    def can(self) -> frozenset[Capability]:
        """What follows of it for what the model can."""
        able: set[Capability] = {"thinking", "conclude"} if self.markers else set()
        if self.template.switch:
            able.add("think_switch")
        return frozenset(able)


def chat_format(request: Load, model: LoadedModel) -> ChatFormat:
    """The format of a model.

    Raises:
        LoadFailed: The template that was asked for is broken.
    """
    chosen = _chosen(request, model)
    read = model.vocabulary.tokenize
    markers = find(chosen.template, lambda text: len(read(text, parse_special=True)) == 1)
    return msgspec.structs.replace(chosen, markers=markers)


def _chosen(request: Load, model: LoadedModel) -> ChatFormat:
    if request.template is not None:
        return _given(request.template, request, model)
    why = "has no chat template"
    if own := model.chat_template():
        try:
            return ChatFormat("file", _compiled(own, model, _joints(request, model)))
        except LoadFailed as error:
            why = f"has a chat template that can't be used ({error.message})"
    if request.fallback_template is not None:
        return _given(request.fallback_template, request, model)
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
    return msgspec.structs.replace(_given(name, request, model), notice=notice)


def _given(wanted: str, request: Load, model: LoadedModel) -> ChatFormat:
    """The format of a built-in template by its name, or of Jinja source."""
    builtin = BUILTIN.get(wanted)
    if builtin is None:
        return ChatFormat("given", _compiled(wanted, model, _joints(request, model)))
    special = model.vocabulary.special_tokens
    return ChatFormat(
        wanted,
        _compiled(builtin.source, model, builtin.joints),
        builtin.ends,
        frozenset(special[end] for end in builtin.ends if end in special),
    )


def _joints(request: Load, model: LoadedModel) -> tuple[str, str]:
    """What the model was trained to see between pictures and before text.

    Nothing, as llama.cpp has it, but for those that were made or imported with vlmtui.
    """
    mmproj = request.files.mmproj
    if mmproj is not None and forms.of_file(mmproj) is not None:
        return LINES
    return ("\n", "") if model.metadata("general.basename") == demo.BASENAME else ("", "")


def _compiled(source: str, model: LoadedModel, joints: tuple[str, str]) -> ChatTemplate:
    vocabulary = model.vocabulary
    return ChatTemplate(
        source,
        bos=vocabulary.text_of(vocabulary.bos),
        eos=vocabulary.text_of(vocabulary.eos),
        joints=joints,
        cancelled=lambda: model.cancel.is_set,
    )
