"""How pictures reach this terminal: as kitty graphics, as sixels, as half blocks, or not at all.

`Detection` decides. It looks at the environment, says what to ask the terminal, and is told the
replies; it reads and writes nothing itself. A terminal that never replies keeps its half blocks,
and one behind a slow line gets its pixels when its reply arrives, however late that is.

Kitty graphics means the kind with Unicode placeholders, which kitty since 0.28 and Ghostty have: a
picture is then text to everybody in between, and scrolls, is clipped and is covered as text is.
Terminals that have the protocol without them (WezTerm, Konsole) have sixels, too, and get those.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import Enum

import msgspec

from vlmtui.terminal.flow_control import is_far

NAMES = ("auto", "kitty", "sixel", "symbols", "quadrants", "halfblock", "none")
"""What `--images` and the setting `images` may be."""


_TMUX_SECONDS = 5.0


class Kind(str, Enum):
    """A way to show pictures."""

    KITTY = "kitty"
    SIXEL = "sixel"
    SYMBOLS = "symbols"
    """Sextants, six pixels a cell in two colours: for a font that has them."""

    QUADRANTS = "quadrants"
    """Four pixels a cell in two colours."""

    HALFBLOCK = "halfblock"
    NONE = "none"


class Graphics(msgspec.Struct, frozen=True):
    """What is known about the terminal's pictures."""

    kind: Kind = Kind.HALFBLOCK
    cell: tuple[int, int] = (10, 20)
    """Width and height of a cell in pixels, or of the same shape where nobody knows."""

    colors: int = 256
    """Colours that a sixel picture may have."""

    largest: tuple[int, int] = (1000, 1000)
    """Largest sixel picture in pixels; xterm cuts off what is beyond."""

    wrapped: bool = False
    """Graphics go through tmux to the terminal around it."""

    thrifty: bool = False
    """The line may be slow: send less."""


class Tmux(msgspec.Struct, frozen=True):
    """What tmux says about itself and the terminal around it."""

    passthrough: str = ""
    termname: str = ""
    termtype: str = ""
    features: str = ""

    QUERY = "#{allow-passthrough}\t#{client_termname}\t#{client_termtype}\t#{client_termfeatures}"
    """The format that `tmux display-message -p` fills in."""

    @classmethod
    def ask(cls) -> Tmux:
        """Ask the tmux around us; blank where it can't be asked. Blocks, for seconds at most."""
        import subprocess  # not needed for the first paint

        pane = os.environ.get("TMUX_PANE", "")
        try:
            done = subprocess.run(
                ["tmux", "display-message", "-p", "-t", pane, cls.QUERY],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TMUX_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return cls()
        return cls.read(done.stdout.decode(errors="replace"))

    @classmethod
    def read(cls, line: str) -> Tmux:
        """Read what tmux made of `QUERY`; an older one leaves fields empty."""
        fields = line.rstrip("\n").split("\t")
        return cls(*fields) if len(fields) == 4 else cls()

    @property
    def attached(self) -> bool:
        return bool(self.termname or self.termtype)


_ASK_NAME = "\x1b[>0q"  # XTVERSION
_ASK_DEVICE = "\x1b[c"  # DA1: everything replies to it, so it ends each round
_ASK_CELL = "\x1b[16t"
_ASK_COLORS, _ASK_LARGEST = "\x1b[?1;1;0S", "\x1b[?2;1;0S"  # XTSMGRAPHICS
_ASK_KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"

REPLIES = re.compile(
    r"\x1b\[\?(?P<device>[\d;]*)c"
    r"|\x1b\[6;(?P<high>\d+);(?P<wide>\d+)t"
    r"|\x1b\[\?(?P<item>[12]);(?P<status>\d)(?P<values>[;\d]*)S"
    r"|\x1bP>\|(?P<name>[^\x1b]{0,200})\x1b\\"
    r"|\x1b_G(?P<kitty>[^\x1b]{0,200})\x1b\\"
)
"""What terminals say to the questions of `Detection`."""

_WITH_PLACEHOLDERS = re.compile(r"(?i)(xterm-)?(kitty|ghostty)(\((?P<major>\d+)\.(?P<minor>\d+))?")
"""Terminals by their names in TERM, or as XTVERSION has them: "kitty(0.41.1)"."""

_FIRST_KITTY = (0, 28)
"""The version of kitty that brought placeholders; older ones draw them as boxes."""
_MUTE = re.compile(r"(dumb|unknown|linux|screen.*|emacs.*)?")
_SIXEL = "4"
_LETTING_THROUGH = ("1", "on", "all")  # tmux 3.3 says 1


def _has_placeholders(name: str) -> bool:
    """Whether a terminal of this name, with or without its version, has Unicode placeholders."""
    known = _WITH_PLACEHOLDERS.match(name)
    if known is None:
        return False
    if known["major"] is None or known[2].lower() != "kitty":
        return True
    return (int(known["major"]), int(known["minor"])) >= _FIRST_KITTY


class Detection:
    """Finds out what a terminal can do, round by round.

    Attributes:
        graphics: The best that is known so far.
        decided: Nothing more will become known.
    """

    def __init__(
        self, wanted: str, environ: Mapping[str, str], cell: tuple[int, int] | None
    ) -> None:
        """Begin.

        Args:
            wanted: One of `NAMES`.
            environ: The environment.
            cell: Pixels of a cell as the terminal device tells them, or None.
        """
        self._wanted = wanted
        self._environ = environ
        self._name = ""
        self._kitty_asked = self._kitty_said_yes = self._sixel_asked = False
        self._asking = False
        self._cell_known = cell is not None
        self.decided = False
        kind = Kind.HALFBLOCK if wanted == "auto" else Kind(wanted)
        self.graphics = Graphics(kind, thrifty=is_far(environ))
        if cell is not None:
            self._know(cell=cell)
        if kind is Kind.KITTY:
            self._know(wrapped=self.in_tmux)

    @property
    def in_tmux(self) -> bool:
        """The terminal is tmux: `tmux_said` has to be called before `ask`."""
        return bool(self._environ.get("TMUX"))

    @property
    def needs_tmux(self) -> bool:
        """It matters what tmux can do."""
        return self._wanted == "auto" and self.in_tmux and not self._mute

    @property
    def _mute(self) -> bool:
        """A terminal that draws no pictures, and might print a question instead of replying."""
        term = self._environ.get("TERM", "")
        if self._environ.get("TERM_PROGRAM") == "Apple_Terminal" or self._environ.get("STY"):
            return True
        return _MUTE.fullmatch(term) is not None and not self.in_tmux

    def ask(self) -> str:
        """What to ask at first; empty where there is nothing to find out."""
        if self._wanted == "sixel":
            return self._ask_about_sixels()
        if self._wanted != "auto" or self._mute:
            self.decided = True
            return ""
        self._asking = True
        self._kitty_asked = self._looks_like_kitty
        return _ASK_NAME + (_ASK_KITTY if self._kitty_asked else "") + self._cell() + _ASK_DEVICE

    def tmux_said(self, tmux: Tmux) -> str:
        """Take what tmux says, and return what to ask then."""
        # the type, where the terminal told tmux one, has the version
        outer = _has_placeholders(tmux.termtype or tmux.termname)
        if outer and tmux.passthrough in _LETTING_THROUGH:
            self._know(kind=Kind.KITTY, wrapped=True)
        elif "sixel" in tmux.features.split(","):
            self._asking = True  # tmux has sixels if it was built with them: it replies itself
            return self._cell() + _ASK_DEVICE
        self.decided = True
        return ""

    def take(self, reply: str) -> str:
        """Take a reply; returns what to ask next, mostly nothing."""
        match = REPLIES.fullmatch(reply)
        if match is None:
            return ""
        groups = match.groupdict()
        if groups["name"] is not None:
            self._name = groups["name"]
        elif groups["kitty"] is not None:
            self._kitty_said_yes = groups["kitty"].endswith(";OK")
        elif groups["high"] is not None:
            self._take_cell(int(groups["wide"]), int(groups["high"]))
        elif groups["item"] is not None and groups["status"] == "0":
            self._take_limits(groups["item"], [int(n) for n in groups["values"].split(";") if n])
        elif groups["device"] is not None and self._asking:
            question = self._end_of_round(groups["device"].split(";"))
            self.decided = not question
            return question
        return ""

    def _end_of_round(self, device: list[str]) -> str:
        self._asking = False
        named = _has_placeholders(self._name)
        if self._kitty_said_yes and (named or not self._name):
            self._know(kind=Kind.KITTY)
        elif self._sixel_asked:
            if self._wanted == "sixel" or self._cell_known:
                self._know(kind=Kind.SIXEL)
        elif named and not self._kitty_asked and not self.in_tmux:
            self._kitty_asked = self._asking = True
            return _ASK_KITTY + _ASK_DEVICE
        elif _SIXEL in device[1:]:
            return self._ask_about_sixels()
        return ""

    def _ask_about_sixels(self) -> str:
        # not asked sooner: whoever doesn't know these questions may take them for scrolling
        self._sixel_asked = self._asking = True
        return _ASK_COLORS + _ASK_LARGEST + self._cell() + _ASK_DEVICE

    def _cell(self) -> str:
        return "" if self._cell_known else _ASK_CELL

    def _take_cell(self, width: int, height: int) -> None:
        if 0 < width < 200 and 0 < height < 400:
            self._cell_known = True
            self._know(cell=(width, height))

    def _take_limits(self, item: str, values: list[int]) -> None:
        if item == "1" and values and values[0] >= 2:
            self._know(colors=min(values[0], 256))
        elif item == "2" and len(values) == 2 and min(values) > 0:
            self._know(largest=(values[0], values[1]))

    def _know(self, **facts: object) -> None:
        self.graphics = msgspec.structs.replace(self.graphics, **facts)

    @property
    def _looks_like_kitty(self) -> bool:
        environ = self._environ
        return bool(
            _WITH_PLACEHOLDERS.match(environ.get("TERM", ""))
            or _WITH_PLACEHOLDERS.match(environ.get("TERM_PROGRAM", ""))
            or environ.get("KITTY_WINDOW_ID")
        )
