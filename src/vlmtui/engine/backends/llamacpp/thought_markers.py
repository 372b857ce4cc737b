"""What stands before and behind a thought, found in a model's chat template.

A conversation is rendered whose answer has a thought: what the template puts around it are the
markers. Where it shows none (it drops old thoughts, or takes them inside the text), a small table
of those that families use is looked through for what the template or the vocabulary has.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.engine.thought_split import Markers

_FINAL = "<|start|>assistant<|channel|>final<|message|>"
_CHANNELS = Markers(
    "<|channel|>analysis<|message|>",
    "<|end|>",
    f"<|end|>{_FINAL}",
    (_FINAL, "<|channel|>final<|message|>"),
)
"""gpt-oss. Its answer has a channel of its own."""

_FAMILIES = (
    ("<think>", "</think>", "\n</think>\n\n"),
    ("<|channel>thought", "<channel|>", "\n<channel|>"),  # Gemma 4
    ("[THINK]", "[/THINK]", "[/THINK]"),  # Ministral
    ("<|START_THINKING|>", "<|END_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),  # Cohere
    ("<seed:think>", "</seed:think>", "</seed:think>"),
    ("<|inner_prefix|>", "<|inner_suffix|>", "<|inner_suffix|>"),  # Apertus
)
"""What stands before a thought and behind it, and how one is ended."""

_QUESTION, _THOUGHT, _ANSWER = "A question.", "Some thought.", "The answer."
_TAG = r"<[^<>\s]+>|\[/?[A-Z_]+\]"
_LAST_TAG = re.compile(rf"((?:{_TAG})\w*)\s*$")
_FIRST_TAG = re.compile(rf"\s*({_TAG})")


def find(template: ChatTemplate, is_token: Callable[[str], bool]) -> Markers | None:
    """The markers of a model's thoughts; None where it seems to have none.

    `is_token` says whether its vocabulary has a token of just this text.
    """
    if _CHANNELS.open.partition("<|message|>")[0] in template.source:
        return _CHANNELS
    return _shown(template) or next(
        (
            Markers(begin, end, ending, (end,))
            for begin, end, ending in _FAMILIES
            if end in template.source or (is_token(begin) and is_token(end))
        ),
        None,
    )


def _shown(template: ChatTemplate) -> Markers | None:
    """The markers that the template itself puts around the thought of an answer."""
    turns = [Turn("user", (), _QUESTION), Turn("assistant", (), _ANSWER, _THOUGHT)]
    before, _, rest = template.written(turns).partition(_THOUGHT)
    behind = rest.partition(_ANSWER)[0]
    begin, end = _LAST_TAG.search(before), _FIRST_TAG.match(behind)
    if _ANSWER not in rest or begin is None or end is None:
        return None
    # a tag that stands there without a thought, too, is that of the speaker
    bare = template.written([turns[0], Turn("assistant", (), _ANSWER)]).partition(_ANSWER)[0]
    if bare.rstrip().endswith(begin[1]):
        return None
    return Markers(begin[1], end[1], behind, (end[1],))
