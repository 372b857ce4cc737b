"""`vlmtui chat`, which is also what `vlmtui` alone does."""

from __future__ import annotations

import os


def open_chat(
    model: str | None = None,
    mmproj: str | None = None,
    template: str | None = None,
    *,
    continue_last: bool = False,
    images: str | None = None,
    plain: bool = False,
) -> int:
    """Open the chat in this terminal; returns the exit code. None takes what the settings say.

    The template is the name of a built-in one or a file; `plain` is line by line instead of on
    the whole screen.
    """
    from vlmtui.chat.requests import load_request, with_template
    from vlmtui.engine.engine_requests import Endpoint
    from vlmtui.settings import load_settings

    settings = load_settings()
    if template is not None:
        settings = with_template(settings, model, template)
    load = load_request(settings, model, mmproj)
    if isinstance(load.source, Endpoint):
        from vlmtui.chat import consent
        from vlmtui.cli.consent import asking

        consent.settle(load, asking())
    if plain or os.environ.get("TERM") == "dumb":  # such a terminal draws no screen
        from vlmtui.plain.plain_launch import launch as launch_plain

        return launch_plain(settings, load, continue_last=continue_last)
    from vlmtui.ui.launch import launch

    return launch(settings, load, continue_last=continue_last, images=images)
