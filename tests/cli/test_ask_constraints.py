"""`vlmtui ask` with a form that answers must have: schemas, choices, grammars, patterns."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_an_answer_by_schema_is_printed_and_parsed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "form.json"
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
    file.write_text(json.dumps(schema))
    for given in (str(file), json.dumps(schema), "n: one|two"):
        told = run("ask", "--json", "--schema", given, "How many?")
        assert told.code == 0, told.err
        whole = json.loads(told.out)
        assert whole["data"] == json.loads(whole["text"]) and whole["invalid"] is None
        assert whole["data"]["n"] in (1, 2, "one", "two")
    assert json.loads(run("ask", "--schema", str(file), "How many?").out)["n"] in (1, 2)
    assert "data" not in json.loads(run("ask", "--json", "--max-tokens", "2", "How many?").out)


@pytest.mark.trained
def test_one_of_the_choices_is_the_answer(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("red circle at left")
    told = run("ask", "--image", image, "--choices", 'blue,"green, or so",red', "What color is it?")
    assert (told.code, told.out, told.err) == (0, "red\n", "")


def test_a_grammar_and_a_pattern_are_kept_to(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "yes.gbnf"
    file.write_text('# an answer\nroot ::= "yes" | "no"\n')
    assert run("ask", "--grammar", file, "Is it?").out in ("yes\n", "no\n")
    year = run("ask", "--regex", r"(19|20)\d\d", "When?", "--then", "And then?").out.split()
    assert len(year) == 2 and all(1900 <= int(each) < 2100 for each in year)


def test_an_answer_that_is_cut_off_is_reported_as_invalid(run: Run) -> None:
    cut = ("ask", "--schema", "name: str", "--max-tokens", "4", "Who?", "--then", "And then?")
    told = run(*cut)
    assert told.code == 3
    assert "not valid: it was cut off" in told.err and "max_tokens" in told.err
    told = run(*cut, "--json")
    assert told.code == 3 and "not valid" in told.err
    (turn,) = json.loads(told.out)  # what follows it isn't asked
    assert turn["data"] is None and "cut off" in turn["invalid"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--schema", "{"), "a name is missing"),
        (("--schema", '{"type": '), "not JSON"),
        (("--schema", '{"type": "string", "contains": 5, "not": {}}'), "at #/not"),
        (("--schema", "a: strng"), "no type strng"),
        (("--schema", "none.json"), "There is no file none.json"),
        (("--schema", "folder"), "not a regular file"),
        (("--schema", "fifo"), "not a regular file"),
        (("--schema", "latin.json"), "not UTF-8"),
        (("--schema", " "), "is empty"),
        (("--choices", ""), "A choice is empty"),
        (("--choices", "a,,b"), "A choice is empty"),
        (("--choices", "a,b,a"), "named twice"),
        (("--choices", '["a", 1]'), "not a JSON array of texts"),
        (("--grammar", "none.gbnf"), "There is no file none.gbnf"),
        (("--grammar", "fifo"), "not a regular file"),
        (("--grammar", "latin.json"), "not UTF-8"),
        (("--grammar", "rootless.gbnf"), "no rule named root"),
        (("--grammar", "broken.gbnf"), "unexpected end of input"),
        (("--grammar", "left.gbnf"), "left recursion"),
        (("--grammar", "bounds.gbnf"), "has {0,100000}: llama.cpp counts to 2,000"),
        (("--regex", "(?=a)"), "look-around"),
        (("--regex", "a{5000}"), "more than 2000 times"),
        (("--regex", "a", "--choices", "b,c"), "at a time"),
    ],
)
def test_bad_input_is_refused_before_a_token(
    run: Run, tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.json").write_bytes(b'{"enum": ["gr\xfcn"]}')
    (tmp_path / "rootless.gbnf").write_text('rule ::= "a"\n')
    (tmp_path / "broken.gbnf").write_text('root ::= "a\n')
    (tmp_path / "left.gbnf").write_text('root ::= root "a" | "b"\n')
    (tmp_path / "bounds.gbnf").write_text('root ::= "{0,9999}" [{0,9999}] "a"{0,100000}\n')
    names = {each.name: str(each) for each in tmp_path.iterdir()}
    ended = run("ask", *(names.get(each, each) for each in arguments), "What?")
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
