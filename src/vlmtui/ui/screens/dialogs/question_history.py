"""What was asked before, found by typing some letters of it."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.messages import readable
from vlmtui.storage.prompts import Asked
from vlmtui.ui.screens.dialogs.chooser import Choice, Chooser

_SHOWN = 200
"""Characters of a question in the list."""


class HistoryScreen(Chooser):
    """The questions of all chats, the last one first; the one that is taken can be changed."""

    DEFAULT_CSS = """
    HistoryScreen {
        align: center bottom;

        & > #chooser {
            margin: 0 0 1 0;
        }
        & OptionList {
            max-height: 10;
        }
    }
    """
    title_text = "Earlier questions"
    placeholder = "Type some of its words"

    def __init__(self, asked: Sequence[Asked]) -> None:
        rows: dict[str, Choice] = {}
        for each in asked:
            text = " ".join(readable(each.message)[: 4 * _SHOWN].split())[:_SHOWN]
            count = len(each.message.images)
            note = f"{count} picture{'s' if count > 1 else ''}" if count else ""
            rows.setdefault(f"{text}\0{note}", Choice(str(each.message_id), "", text, note))
        super().__init__(list(rows.values()))
