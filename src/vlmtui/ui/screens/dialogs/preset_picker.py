"""The presets, to choose one for the chat."""

from __future__ import annotations

from vlmtui.ui.screens.dialogs.chooser import Chooser


class PresetPicker(Chooser):
    """Returns the name of a preset."""

    title_text = "How should this chat be answered?"
    placeholder = "Type to search"
