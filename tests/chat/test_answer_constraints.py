"""What answers must be like, as people give it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vlmtui.chat import answer_constraints
from vlmtui.errors import InputError

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_a_schema_is_json_or_a_file_or_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("form.json").write_text("\ufeff" + json.dumps(SCHEMA))
    Path("a: int").write_text(json.dumps({"type": "null"}))  # a file goes before
    for given in (json.dumps(SCHEMA), " form.json ", str(tmp_path / "form.json")):
        assert json.loads(answer_constraints.schema(given).text) == SCHEMA
    assert json.loads(answer_constraints.schema("a: int").text) == {"type": "null"}
    assert json.loads(answer_constraints.schema("{a: int}").text)["required"] == ["a"]
    assert json.loads(answer_constraints.schema("true").text) is True


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        ("red, green,blue", ["red", "green", "blue"]),
        ('"yes, it is",no', ["yes, it is", "no"]),
        ('["a\\nb", "c,d"]', ["a\nb", "c,d"]),
        ("one\ntwo", ["one", "two"]),
        ("grün", ["grün"]),
    ],
)
def test_choices_have_commas_between_them_or_are_an_array(given: str, choices: list[str]) -> None:
    assert json.loads(answer_constraints.choices(given).text) == choices


@pytest.mark.parametrize("given", ["", "a,,b", "a,b,a", '["a", 5]', '["a"', "[]", '["a", "a"]'])
def test_choices_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(InputError):
        answer_constraints.choices(given)


def test_one_form_at_a_time() -> None:
    with pytest.raises(InputError, match="at a time"):
        answer_constraints.of("a: int", ["b"])
    assert answer_constraints.of(None, None) is None
    assert answer_constraints.shown(answer_constraints.choices("a,b")) == "the choices a, b"
    assert answer_constraints.shown(answer_constraints.schema("true")) == "the schema true"
