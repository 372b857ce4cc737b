from __future__ import annotations

from collections.abc import Mapping
from typing import get_args, get_type_hints

import pytest

from vlmtui.cli.options import images_option
from vlmtui.settings import Settings
from vlmtui.terminal.graphics import NAMES, REPLIES, Detection, Graphics, Kind, Tmux

CELL = (9, 18)
XTERM = {"TERM": "xterm-256color"}


class Terminal:
    """Replies to questions as a terminal does: to those it knows, in their order."""

    def __init__(self, **replies: str) -> None:
        self._replies = {
            "\x1b[>0q": replies.get("name", ""),
            "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\": replies.get("kitty", ""),
            "\x1b[16t": replies.get("cell", ""),
            "\x1b[?1;1;0S": replies.get("colors", ""),
            "\x1b[?2;1;0S": replies.get("largest", ""),
            "\x1b[c": replies.get("device", ""),
        }
        self.asked: list[str] = []

    def converse(self, detection: Detection, text: str) -> Graphics:
        while text:
            replies = []
            while text:
                question = next(known for known in self._replies if text.startswith(known))
                self.asked.append(question)
                replies.append(self._replies[question])
                text = text.removeprefix(question)
            text = "".join(detection.take(reply) for reply in replies if reply)
        return detection.graphics

    def decide(
        self,
        environ: Mapping[str, str] = XTERM,
        wanted: str = "auto",
        cell: tuple[int, int] | None = CELL,
    ) -> Graphics:
        detection = Detection(wanted, environ, cell)
        return self.converse(detection, detection.ask())


XTERM_340 = Terminal(
    name="\x1bP>|XTerm(379)\x1b\\",
    device="\x1b[?63;1;2;4;6;9;15;16;22;28c",
    colors="\x1b[?1;0;1024S",
    largest="\x1b[?2;0;800;510S",
)


def test_a_terminal_with_sixels_gets_them_within_its_limits() -> None:
    graphics = XTERM_340.decide()
    assert graphics == Graphics(Kind.SIXEL, CELL, colors=256, largest=(800, 510))


def test_a_terminal_of_few_colours_gets_few() -> None:
    terminal = Terminal(device="\x1b[?63;4c", colors="\x1b[?1;0;16S", largest="\x1b[?2;3S")
    graphics = terminal.decide()
    assert (graphics.kind, graphics.colors, graphics.largest) == (Kind.SIXEL, 16, (1000, 1000))


def test_sixels_need_the_size_of_a_cell_and_ask_for_it() -> None:
    told = Terminal(device="\x1b[?62;4c", cell="\x1b[6;20;10t").decide(cell=None)
    assert (told.kind, told.cell) == (Kind.SIXEL, (10, 20))
    assert Terminal(device="\x1b[?62;4c").decide(cell=None).kind is Kind.HALFBLOCK


def test_a_terminal_without_graphics_keeps_half_blocks_and_hears_no_question_about_them() -> None:
    terminal = Terminal(device="\x1b[?64;1;2;6c")
    assert terminal.decide().kind is Kind.HALFBLOCK
    assert terminal.asked == ["\x1b[>0q", "\x1b[c"]


def test_a_terminal_that_never_replies_keeps_half_blocks() -> None:
    assert Terminal().decide().kind is Kind.HALFBLOCK


@pytest.mark.parametrize(
    "environ",
    [{"TERM": "xterm-kitty"}, {"TERM": "xterm-ghostty"}, XTERM],
    ids=["kitty", "ghostty", "over ssh"],
)
def test_kitty_is_known_by_its_environment_or_its_name(environ: dict[str, str]) -> None:
    terminal = Terminal(
        name="\x1bP>|kitty(0.32.2)\x1b\\", kitty="\x1b_Gi=31;OK\x1b\\", device="\x1b[?62;c"
    )
    assert terminal.decide(environ).kind is Kind.KITTY


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("kitty(0.21.2)", Kind.HALFBLOCK),
        ("kitty(0.26.5)", Kind.HALFBLOCK),
        ("kitty(0.28.0)", Kind.KITTY),
        ("kitty(1.0.0)", Kind.KITTY),
        ("ghostty 1.1.3", Kind.KITTY),
    ],
)
def test_a_kitty_that_is_too_old_for_placeholders_gets_none(name: str, kind: Kind) -> None:
    terminal = Terminal(
        name=f"\x1bP>|{name}\x1b\\", kitty="\x1b_Gi=31;OK\x1b\\", device="\x1b[?62;c"
    )
    assert terminal.decide({"TERM": "xterm-kitty"}).kind is kind


def test_an_xterm_that_was_started_from_kitty_is_an_xterm() -> None:
    assert XTERM_340.decide({**XTERM, "KITTY_WINDOW_ID": "1"}).kind is Kind.SIXEL


def test_graphics_without_placeholders_give_way_to_sixels() -> None:
    terminal = Terminal(
        name="\x1bP>|WezTerm 20240203\x1b\\", kitty="\x1b_Gi=31;OK\x1b\\", device="\x1b[?65;4;6c"
    )
    assert terminal.decide({**XTERM, "KITTY_WINDOW_ID": "1"}).kind is Kind.SIXEL


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "dumb"},
        {"TERM": "linux"},
        {},
        {"TERM": "screen-256color", "STY": "1.pts"},
        {"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"},
    ],
)
def test_a_terminal_that_might_print_a_question_is_asked_none(environ: dict[str, str]) -> None:
    detection = Detection("auto", environ, CELL)
    assert detection.ask() == ""
    assert not detection.needs_tmux
    assert detection.graphics.kind is Kind.HALFBLOCK


@pytest.mark.parametrize("wanted", ["kitty", "halfblock", "none"])
def test_what_was_chosen_is_taken_without_a_question(wanted: str) -> None:
    detection = Detection(wanted, XTERM, CELL)
    assert detection.ask() == ""
    assert detection.graphics.kind is Kind(wanted)


def test_chosen_sixels_need_no_reply_but_heed_it() -> None:
    assert Terminal().decide(wanted="sixel", cell=None).kind is Kind.SIXEL
    assert XTERM_340.decide(wanted="sixel").largest == (800, 510)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("on\txterm-kitty\tkitty(0.32.2)\tRGB,title", Kind.KITTY),
        ("1\txterm-256color\tkitty(0.35.1)\ttitle", Kind.KITTY),
        ("0\txterm-256color\tkitty(0.35.1)\ttitle", Kind.HALFBLOCK),
        ("all\txterm-256color\tghostty 1.1.3\tRGB", Kind.KITTY),
        ("off\txterm-kitty\tkitty(0.32.2)\tRGB,title", Kind.HALFBLOCK),
        ("on\txterm-kitty\tkitty(0.26.5)\tRGB,title", Kind.HALFBLOCK),
        ("on\txterm-kitty\t\tRGB,title", Kind.KITTY),
        ("on\ttmux-256color\ttmux 3.5a\tRGB,title", Kind.HALFBLOCK),
        ("off\tfoot\tfoot(1.16.2)\tRGB,sixel,title", Kind.SIXEL),
        ("\txterm-256color\t\tRGB", Kind.HALFBLOCK),
        ("no server running", Kind.HALFBLOCK),
        ("", Kind.HALFBLOCK),
    ],
)
def test_tmux_is_asked_what_it_lets_through(line: str, kind: Kind) -> None:
    terminal = Terminal(device="\x1b[?1;2;4c")  # a tmux that was built with sixels
    detection = Detection("auto", {"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0"}, CELL)
    assert detection.needs_tmux
    graphics = terminal.converse(detection, detection.tmux_said(Tmux.read(line + "\n")))
    assert graphics.kind is kind
    assert graphics.wrapped is (kind is Kind.KITTY)


def test_a_slow_line_is_spared() -> None:
    environ = {**XTERM, "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    assert Detection("auto", environ, CELL).graphics.thrifty
    assert not Detection("auto", XTERM, CELL).graphics.thrifty


def test_forged_and_broken_replies_change_nothing() -> None:
    detection = Detection("auto", XTERM, CELL)
    assert detection.take("\x1b[?63;4c") == ""  # nobody asked yet
    detection.ask()
    for reply in ("", "hello", "\x1b[6;0;0t", "\x1b[6;99999;99999t", "\x1b[?1;0S", "\x1b[?2;0;5S"):
        assert detection.take(reply) == ""
    assert detection.graphics == Graphics(Kind.HALFBLOCK, CELL)


def test_the_patterns_know_what_terminals_reply() -> None:
    for reply in ("\x1b[?62;c", "\x1b[?1;2c", "\x1b[6;17;8t", "\x1b_Gi=31;EINVAL:no\x1b\\"):
        assert REPLIES.fullmatch(reply)
    for key in ("\x1b[A", "\x1b[6~", "\x1b[I", "\x1b[?2026;2$y", "\x1b[<0;1;1M", "\x1b"):
        assert not REPLIES.search(key)


def test_option_and_setting_know_the_same_names() -> None:
    setting = get_type_hints(Settings, include_extras=True)["images"]
    assert get_args(setting) == NAMES
    (option,) = images_option(lambda: None).__click_params__
    assert tuple(option.type.choices) == NAMES
