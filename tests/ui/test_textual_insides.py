"""What we lean on inside Textual, beyond what it promises: all of it, why, and that it is there.

A new version that moves any of this fails here, with the name and the reason, and not somewhere in
a chat.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import pytest
from textual._compositor import Compositor
from textual.app import App
from textual.dom import DOMNode
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import TextArea

import vlmtui.terminal
import vlmtui.ui

MODULES = {
    "textual._ansi_sequences.ANSI_SEQUENCES_KEYS": "Alt+Enter is a new line (composer)",
    "textual._compositor.ChopsUpdate": "which cells were drawn over sixels (overlay)",
    "textual._compositor.LayoutUpdate": "what is drawn, to leave some of it out (paced_app)",
    "textual._context.active_message_pump": "whose message failed while it goes (app)",
    "textual._time.get_time": "the parser's own clock (terminal_replies, bracketed_paste)",
    "textual._types.CallbackType": "what that is (mended_screen)",
    "textual._xterm_parser.XTermParser": "replies and pastes are taken out before it",
    "textual.document._document.EditResult": "what an edit of the composer returns",
    "textual.document._document.Location": "where in a text",
    "textual.document._document.Selection": "from where to where",
    "textual.keys._character_to_key": "keys as people write them (keymap)",
}
"""Imported from modules, or under names, that Textual keeps to itself."""

MEMBERS = {
    "_auto_restart": (LinuxDriver, "an editor has the terminal, not the shell (driver)"),
    "_background_screens": (App, "an opaque screen is not drawn for what it covers (paced_app)"),
    "_bindings": (DOMNode, "which keys a node has (keymap)"),
    "_clipboard": (App, "what Ctrl+V in a text field takes (clipboard)"),
    "_compositor": (Screen, "where a picture is to be seen, and what covers it (overlay)"),
    "_compositor_refresh": (Screen, "what was left out is drawn later (paced_app)"),
    "_debug": (LinuxDriver, "the parser wants to be told (driver)"),
    "_delete_via_keyboard": (TextArea, "a token is deleted whole (composer)"),
    "_dirty_regions": (Compositor, "the same (paced_app)"),
    "_disable_line_wrap": (LinuxDriver, "modes after a reset of the terminal (driver)"),
    "_display": (App, "when the screen has been drawn (pixel_app)"),
    "_dom_ready": (App, "the app has begun (app)"),
    "_driver": (App, "what is written past the screen: pictures, title, clipboard"),
    "_enable_bracketed_paste": (LinuxDriver, "the same (driver)"),
    "_enable_mouse_support": (LinuxDriver, "the same (driver)"),
    "_exit_renderables": (App, "what a crash would show of variables is dropped (app)"),
    "_exit": (App, "the app is being left (app)"),
    "_file": (LinuxDriver, "writes to a terminal that has gone don't fail (driver)"),
    "_get_style": (Widget, "styles of a drawn line (line_list, markdown_view)"),
    "_handle_exception": (App, "what fails while its screen goes is left alone (app)"),
    "_invoke_later": (Screen, "what a screen that has gone left to do (mended_screen)"),
    "_key_thread": (LinuxDriver, "whether replies are read (driver)"),
    "_keymap": (App, "the settings' keys, before there is a screen (app_keys, keymap)"),
    "_must_signal_resume": (LinuxDriver, "the shell has the terminal (driver)"),
    "_on_key": (Widget, "a key meets the bindings in the order of typing (composer)"),
    "_on_message": (Screen, "topics hear of what happens, whatever it is (chat_screen)"),
    "_on_paste": (TextArea, "what is pasted is cleaned before it is put in (text_field)"),
    "_pruning": (Widget, "a widget is being taken away (app)"),
    "_query_in_band_window_resize": (LinuxDriver, "the same (driver)"),
    "_recompute_cursor_offset": (TextArea, "an undo that fails in Textual (text_field)"),
    "_replace_via_keyboard": (TextArea, "a token is replaced whole (composer)"),
    "_running": (App, "the app hasn't ended (app)"),
    "_screen_stack": (App, "there is a screen (paced_app)"),
    "_writer_thread": (LinuxDriver, "whether anything can be written yet (driver)"),
}
"""Attributes and methods with an underscore that some class of Textual has."""

KINDS = (App, Compositor, LinuxDriver, Screen, TextArea)
"""What others than their own methods look into."""


def ours() -> Iterator[ModuleType]:
    """The modules of the interface."""
    for package in (vlmtui.ui, vlmtui.terminal):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


@cache
def tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def source(kind: type) -> ast.ClassDef:
    """Where a class is written."""
    module = tree(importlib.import_module(kind.__module__))
    return next(
        node
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def foreign(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if base.__module__.startswith("textual.")]


def imported() -> set[str]:
    return {
        f"{node.module}.{name.name}"
        for module in ours()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual.")
        for name in node.names
        if any(private(part) for part in [*(node.module or "").split("."), name.name])
    }


@cache
def members(kind: type) -> frozenset[str]:
    """What a class defines, and what its methods give to `self`."""
    given = (node for node in attributes(source(kind), "self") if isinstance(node.ctx, ast.Store))
    return frozenset(filter(private, {*vars(kind), *(node.attr for node in given)}))


def attributes(tree: ast.AST, *of: str) -> Iterator[ast.Attribute]:
    """Attributes of anything, or of what goes by these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            not of or (isinstance(node.value, ast.Name) and node.value.id in of)
        ):
            yield node


def defined(tree: ast.AST) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def used() -> set[str]:
    """Members of Textual's classes that are got, set or overridden anywhere in the interface."""
    inside = frozenset().union(*map(members, {base for kind in KINDS for base in foreign(kind)}))
    names = set()
    for module in ours():
        whole = tree(module)
        on_others = {id(node) for node in attributes(whole)}
        on_others -= {id(node) for node in attributes(whole, "self", "cls")}
        names |= {node.attr for node in attributes(whole) if id(node) in on_others} & inside
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__ and foreign(kind):
                theirs = frozenset().union(*map(members, foreign(kind)))
                own = {node.attr for node in attributes(source(kind), "self")}
                names |= (own | defined(source(kind))) & theirs
    return names


def test_what_is_imported_from_inside_is_listed_here() -> None:
    assert imported() == set(MODULES)


def test_members_from_inside_are_listed_here() -> None:
    assert used() == set(MEMBERS)


@pytest.mark.parametrize("name", MODULES)
def test_what_is_imported_from_inside_is_there(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute), MODULES[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_from_inside_is_there(name: str) -> None:
    kind, why = MEMBERS[name]
    assert any(name in members(base) for base in foreign(kind)), why
