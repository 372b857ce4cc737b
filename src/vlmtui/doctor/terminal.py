"""The terminal that the chat would be drawn on."""

from __future__ import annotations

import locale
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Mapping

from vlmtui.doctor.finding import Finding
from vlmtui.terminal.graphics import REPLIES, Detection, Graphics, Tmux

_LEAST = (60, 15)
_COMFORT = (80, 24)
_TIMEOUT_S = 1.0
"""A terminal replies within milliseconds; over a slow line, within a second."""


def findings() -> list[Finding]:
    """Size, colours, pictures, what stands in between, encoding."""
    if not sys.stdout.isatty() and not sys.stderr.isatty():
        return [Finding("terminal", "info", "none here"), _encoding()]
    return [_size(), _colours(os.environ), _pictures(), _between(os.environ), _encoding()]


def _size() -> Finding:
    size = tuple(shutil.get_terminal_size())
    value = f"{size[0]} columns, {size[1]} rows, TERM={os.environ.get('TERM', '')}"
    if size[0] < _LEAST[0] or size[1] < _LEAST[1]:
        return Finding("size", "warn", value, "The chat needs 60 by 15, better 80 by 24")
    comfortable = size[0] >= _COMFORT[0] and size[1] >= _COMFORT[1]
    return Finding("size", "ok" if comfortable else "info", value)


def _colours(environ: Mapping[str, str]) -> Finding:
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return Finding("colours", "info", "none, as NO_COLOR asks")
    if term in ("", "dumb"):
        advice = "The full-screen chat can't be drawn here: `vlmtui --plain`, or `vlmtui ask`"
        return Finding("colours", "warn", f"TERM={term or '(not set)'}", advice)
    if environ.get("COLORTERM") in ("truecolor", "24bit"):
        return Finding("colours", "ok", "16 million")
    if "256" in term:
        advice = "If the terminal can do more: `export COLORTERM=truecolor` makes pictures finer"
        return Finding("colours", "info", "256", advice)
    advice = "`export TERM=xterm-256color COLORTERM=truecolor`, if the terminal can do it"
    return Finding("colours", "warn", f"few, as TERM={term} says", advice)


def _pictures() -> Finding:
    graphics = _asked()
    kind = graphics.kind.value if graphics is not None else "unknown"
    if kind in ("kitty", "sixel"):
        return Finding("pictures", "ok", f"real pixels ({kind})")
    advice = "kitty, Ghostty, WezTerm, foot and xterm with sixels draw them in real pixels; "
    advice += "`--images symbols` is finer, where the font has sextants"
    if os.environ.get("TMUX"):
        advice += "; inside tmux, see docs/troubleshooting.md"
    return Finding("pictures", "info", "half blocks", advice)


def _between(environ: Mapping[str, str]) -> Finding:
    parts = []
    if environ.get("TMUX"):
        parts.append("tmux")
    elif environ.get("STY") or environ.get("TERM", "").startswith("screen"):
        parts.append("screen")
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        parts.append("SSH")
    if "SSH" in parts and not {"tmux", "screen"} & set(parts):
        advice = (
            "In tmux the chat continues when the line drops; without it, `vlmtui --continue` does"
        )
        return Finding("in between", "info", "SSH without tmux", advice)
    return Finding("in between", "ok", " inside ".join(parts) or "nothing")


def _encoding() -> Finding:
    encoding = (locale.getpreferredencoding(False) or "").upper()
    language = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG", "")
    value = f"{encoding or 'unknown'}, LANG={language or '(not set)'}"
    if "UTF" in encoding:
        return Finding("encoding", "ok", value)
    return Finding("encoding", "warn", value, "`export LANG=C.UTF-8`")


def _asked() -> Graphics | None:
    """What the terminal can do; None where there is no terminal to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    detection = Detection("auto", os.environ, None)
    question = detection.tmux_said(Tmux.ask()) if detection.needs_tmux else detection.ask()
    if question:
        _talk(detection, question)
    return detection.graphics


def _talk(detection: Detection, question: str) -> None:
    """Ask and take replies until there is nothing more to ask, or nobody replies."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)  # else the replies would be echoed and wait for Enter
    try:
        heard = ""
        end = time.monotonic() + _TIMEOUT_S
        while question or (left := end - time.monotonic()) > 0:
            if question:
                sys.stdout.write(question)
                sys.stdout.flush()
                question, end = "", time.monotonic() + _TIMEOUT_S
                continue
            if not select.select([descriptor], [], [], left)[0]:
                return
            heard += os.read(descriptor, 4096).decode(errors="replace")
            while match := REPLIES.search(heard):
                heard = heard[match.end() :]
                question += detection.take(match[0])
                if match["device"] is not None and not question:
                    return  # it ends each round, and there is no further one
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)  # late replies are not typed text
