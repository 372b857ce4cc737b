"""Whether models can be kept loaded for the next vlmtui, and which are."""

from __future__ import annotations

from vlmtui import paths, settings, units
from vlmtui.doctor.finding import Finding
from vlmtui.engine import host_inquiry, host_socket
from vlmtui.errors import SettingsError
from vlmtui.printable import line


def findings() -> list[Finding]:
    """The place for the socket, how long models stay, and what is loaded."""
    try:
        seconds = settings.keep_alive_seconds(settings.load_settings())
    except SettingsError as error:
        return [Finding("keep_alive", "fail", error.message, error.hint)]
    if seconds == 0:
        found = Finding("sharing", "info", "off: each vlmtui loads its model for itself")
        return [found, *_loaded()]
    try:
        place = host_socket.address().parent
    except host_socket.NoHost as reason:
        advice = "Set XDG_RUNTIME_DIR to a directory of yours with the mode 0700 and a short path"
        value = f"not possible: each vlmtui loads its model for itself. {reason}"
        return [Finding("sharing", "warn", value, advice)]
    time = "for ever" if seconds < 0 else units.duration(seconds)
    value = f"a model stays {time} after its last use; socket in {paths.shown(place)}"
    return [Finding("sharing", "ok", value), *_loaded()]


def _loaded() -> list[Finding]:
    found = []
    for path, state in host_inquiry.states():
        if state is None:
            advice = "`vlmtui engine stop` ends it"
            found.append(Finding("host", "warn", f"{path.name} doesn't answer", advice))
            continue
        names = ", ".join(line(view.load.title) for view in state.engines) or "nothing"
        value = f"process {state.pid} has loaded {names}"
        found.append(Finding("host", "info", value))
    return found
