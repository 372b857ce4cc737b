"""Keys as the settings name them, and every binding's id."""

from __future__ import annotations

import pytest
from textual.dom import DOMNode

from vlmtui.ui.keys import key_bindings, keymap


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("ctrl+k", "ctrl+k"),
        ("Ctrl+K", "ctrl+k"),
        ("shift+ctrl+left", "ctrl+shift+left"),
        ("F5", "f5"),
        ("Esc", "escape"),
        ("pgup", "pageup"),
        ("?", "question_mark"),
        ("ctrl++", "ctrl+plus"),
        ("ctrl + +", "ctrl+plus"),
        ("+", "plus"),
        ("alt+,", "alt+comma"),
        ("G", "G"),
        ("shift+g", "G"),
        ("hyper+nothing", None),
        ("strg+k", None),
        ("f99", None),
        ("ctrl+", None),
        ("", None),
    ],
)
def test_keys_are_read_as_people_write_them(written: str, key: str | None) -> None:
    assert keymap.canonical(written) == key


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("ctrl+j,alt+enter", "Ctrl+J, Alt+Enter"),
        ("escape", "Esc"),
        ("pageup,f1,q", "PgUp, F1, q"),
        ("question_mark,ctrl+plus", "?, Ctrl++"),
    ],
)
def test_keys_are_shown_as_keyboards_name_them(keys: str, shown: str) -> None:
    assert keymap.shown(keys) == shown


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("ctrl+i", "as Tab"),
        ("f5, ctrl+m", "as Enter"),
        ("ctrl+[", "as Escape"),
        ("shift+enter", "as Enter"),
        ("ctrl+shift+enter", "as Enter"),
        ("contrl+k", "'contrl+k'"),
        ("", "no key"),
        (" , ,", "no key"),
    ],
)
def test_keys_that_no_terminal_tells_apart_are_refused(keys: str, reason: str) -> None:
    keymap_, (problem,) = keymap.parse({"chat.stop": keys})
    assert keymap_ == {}
    assert reason in str(problem)
    assert str(problem).startswith("[keys] chat.stop: ")


def test_shift_enter_may_stand_beside_a_key_that_always_works() -> None:
    assert keymap.parse({"a.b": "Ctrl+J, shift+enter"}) == ({"a.b": "ctrl+j,shift+enter"}, [])


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        (",", "comma"),
        ("ctrl+,", "ctrl+comma"),
        ("f5, ctrl+,", "f5,ctrl+comma"),
        ("ctrl+shift+,, f5", "ctrl+shift+comma,f5"),
        ("+, ctrl++, f5", "plus,ctrl+plus,f5"),
    ],
)
def test_comma_and_plus_are_keys_too(written: str, keys: str) -> None:
    assert keymap.parse({"a.b": written}) == ({"a.b": keys}, [])


def test_all_keys_are_checked_in_two_looks_at_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look imports every screen."""
    table = {entry.id: entry.keys for entry in key_bindings.every_binding()}
    looked: list[int] = []
    every_class = key_bindings.every_class

    def counted() -> list[type[DOMNode]]:
        looked.append(1)
        return every_class()

    monkeypatch.setattr(key_bindings, "every_class", counted)
    key_bindings.check(table)
    assert len(looked) <= 2


def test_every_binding_has_an_id_of_its_own_and_says_what_it_does() -> None:
    owners: dict[str, type] = {}
    for owner in key_bindings.every_class():
        for binding in key_bindings.declared(owner):
            where = f"{owner.__qualname__}: {binding.key}"
            assert binding.id, where
            assert binding.id.count(".") == 1, where
            assert binding.description, where
            assert owners.setdefault(binding.id, owner) is owner, f"{where}: {binding.id} is taken"
    assert len(owners) > 40


def test_no_binding_needs_a_key_that_terminals_do_not_send() -> None:
    for entry in key_bindings.every_binding():
        assert keymap.parse({entry.id: entry.keys})[1] == []


def test_the_default_keys_do_not_get_in_each_others_way() -> None:
    """Pasting the whole list into the settings changes nothing."""
    table = {entry.id: entry.keys for entry in key_bindings.every_binding()}
    assert key_bindings.check(table) == (table, [])


def test_an_unknown_id_is_told_with_the_nearest_one() -> None:
    usable, (problem,) = key_bindings.check({"chat.stp": "alt+f5"})
    assert usable == {}
    assert "chat.stop?" in problem.hint


@pytest.mark.parametrize(
    ("table", "other"),
    [
        ({"chat.stop": "enter"}, "composer.send"),
        ({"composer.send": "f1"}, "app.help"),
        ({"chat.stop": "ctrl+k"}, "edit.delete_to_end_of_line_or_delete_line"),
        ({"app.quit": "alt+f9", "chat.stop": "alt+f9"}, "chat.stop"),
    ],
)
def test_two_things_on_one_key_are_told_and_the_first_is_left_out(
    table: dict[str, str], other: str
) -> None:
    usable, (problem,) = key_bindings.check(table)
    assert problem.binding not in usable
    assert f"is taken by {other}" in problem.message


def test_the_same_key_may_do_different_things_on_different_screens() -> None:
    table = {"help.close": "alt+f9", "chat.stop": "alt+f9"}
    assert key_bindings.check(table) == (table, [])


def test_keys_can_be_exchanged() -> None:
    table = {"composer.send": "ctrl+j", "composer.newline": "enter"}
    assert key_bindings.check(table) == (table, [])


@pytest.mark.parametrize("binding", ["chat.stop", "app.help", "composer.send"])
def test_a_plain_character_stays_the_text_of_a_message(binding: str) -> None:
    usable, (problem,) = key_bindings.check({binding: "x"})
    assert usable == {}
    assert "typed into the message" in problem.message
