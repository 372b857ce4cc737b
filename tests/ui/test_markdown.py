from __future__ import annotations

import pytest

from vlmtui.chat.export_html import _markdown
from vlmtui.ui.markdown import code_rows
from vlmtui.ui.markdown.markdown_flow import Flow
from vlmtui.ui.markdown.markdown_layout import render

DOCUMENT = """# Title with `code`

Hello **bold** and *thin*
on two lines.

1. one
2. two which is a rather long item that wraps
   - nested `x`
   - nested too
3. three

> quoted
> text

| a | bb |
|---|----|
| 1 | some longer text |

```python
def f(x):

    return "abc"
```

---
日本語の文章です。とても長いので折り返されます。

- last
- items
"""


def plain(source: str, width: int = 60) -> list[str]:
    return [line.plain for line in render(source, width)]


@pytest.mark.parametrize("width", [1, 2, 5, 13, 40, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    widest = max(line.cell_length for line in render(DOCUMENT, width))
    assert widest <= max(width, 2)  # a wide character needs two cells


@pytest.mark.parametrize("step", [1, 2, 7, 60, 400])
@pytest.mark.parametrize("width", [5, 20, 79])
def test_a_text_that_streams_in_ends_as_if_it_had_come_at_once(step: int, width: int) -> None:
    flow = Flow(width)
    for start in range(0, len(DOCUMENT), step):
        flow.feed(DOCUMENT[start : start + step])
    whole = [line.plain for line in render(DOCUMENT, width, highlight=False)]
    assert [line.plain for line in flow.lines] == whole


def test_settled_lines_are_not_laid_out_again() -> None:
    flow = Flow(40)
    flow.feed("".join(f"{number}. item\n" for number in range(1, 100)))
    before = flow.lines[50]
    first = flow.feed("100. item\n")
    assert first >= 98
    assert flow.lines[50] is before


def test_html_is_shown_and_not_obeyed() -> None:
    assert plain("<b>x</b> List<int>") == ["<b>x</b> List<int>"]
    assert plain("<script>alert(1)</script>\n\nafter")[0] == "<script>alert(1)</script>"


def test_a_link_shows_where_it_points_and_can_not_be_clicked() -> None:
    (line,) = render("[bank](https://evil.example)", 60)
    assert line.plain == "bank (https://evil.example)"
    assert not [span for span in line.spans if "click" in str(span.style)]


def test_a_remote_picture_is_only_named() -> None:
    assert plain("![cat](https://evil.example/x.png)") == [
        "[image: cat] (https://evil.example/x.png)"
    ]


def test_entities_can_not_smuggle_control_characters() -> None:
    text = "\n".join(plain("&#x202e;a &#27;[31m &#7; &#x9b;"))
    assert all(c.isprintable() or c == "\n" for c in text)


def test_textual_markup_is_text() -> None:
    assert plain("[red]not red[/red] [@click=app.quit]x[/]") == [
        "[red]not red[/red] [@click=app.quit]x[/]"
    ]


def test_an_unknown_language_is_shown_plain() -> None:
    assert plain("```[bold]no-such-language\nx = 1\n```", 20)[-1].rstrip() == " x = 1"


def test_deep_nesting_ends() -> None:
    assert plain(">" * 500 + " x")
    assert plain("".join("  " * depth + "- x\n" for depth in range(200)))


def test_a_table_with_more_columns_than_room_is_shown_row_by_row() -> None:
    source = "|" + "a|" * 20 + "\n|" + "-|" * 20 + "\n|" + "b|" * 20
    assert plain(source, 30)[:2] == ["• a", "  a"]


def test_code_keeps_its_indentation_and_blank_lines() -> None:
    lines = [line.rstrip() for line in plain("```\nif x:\n\n    y\n```", 20)]
    assert lines == [" if x:", "", "     y"]


CODE = "```python\n" + "".join(f"line_{number} = {number}\n" for number in range(600))
PARAGRAPH = "It is **red** and `round`, *I think*, [see](x) and so on; " * 300
LONG = {
    "a block of code": CODE + "```\n\nafter\n",
    "a paragraph": PARAGRAPH + "\n\nafter\n",
    "a line without a space": "x" * 12_000 + "\n\nafter\n",
    "code without a line end": "```\n" + "0123456789" * 900 + "\n```\n\nafter\n",
    "a list": "".join(f"{number}. an item\n" for number in range(900)),
    "a quotation": "> quoted words\n" * 900,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("step", [97, 1500, 100_000])
def test_a_long_text_that_streams_in_ends_as_if_it_had_come_at_once(name: str, step: int) -> None:
    flow = Flow(61)
    text = LONG[name]
    for start in range(0, len(text), step):
        flow.feed(text[start : start + step])
    whole = [line.plain.rstrip() for line in render(text, 61, highlight=False)]
    assert [line.plain.rstrip() for line in flow.lines] == whole


@pytest.mark.parametrize("step", [1, 7, 400])
def test_code_that_streams_in_has_its_colours_line_by_line(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_rows, "_loaded", {"python", "json"})
    monkeypatch.setattr(code_rows, "_asked_for", {"python", "json"})
    code = "".join(f"def f_{number}(x):\n    return 'x'  # {number}\n\n" for number in range(200))
    text = f"One:\n\n```python\n{code}```\n\n- two\n  ```json\n  [1,\n  2]\n  ```\n\nafter"
    flow = Flow(40)
    for start in range(0, len(text), step):
        flow.feed(text[start : start + step])
    whole = render(text, 40)
    assert all(new.is_same(old) for new, old in zip(flow.lines, whole, strict=True))


def test_a_line_of_code_that_is_not_finished_has_no_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(code_rows, "_loaded", {"python"})
    monkeypatch.setattr(code_rows, "_asked_for", {"python"})
    flow = Flow(40)
    flow.feed("```python\nx = 'one'\ny = 'tw")
    one, two = flow.lines[-2:]
    assert "$success" in {span.style for span in one.spans}
    assert {span.style for span in two.spans} == {code_rows.STYLE}


@pytest.mark.parametrize("name", LONG)
def test_what_is_laid_out_again_does_not_grow_with_the_text(name: str) -> None:
    flow = Flow(61)
    text = LONG[name].removesuffix("\n\nafter\n")
    for start in range(0, len(text), 200):
        first = flow.feed(text[start : start + 200])
        assert len(flow.lines) - first < 700
    assert len(flow._tail) < 25_000


def test_a_paragraph_that_goes_on_stays_a_paragraph() -> None:
    flow = Flow(40)
    flow.feed("word " * 1000)
    for text in ("# no heading ", "1. no item ", "- no bullet ", "| no | table"):
        flow.feed(text)
    assert "# no heading 1. no item" in " ".join(line.plain for line in flow.lines)


DEEP = [
    "- " * 10 + "x",
    "- " * 300 + "x",
    "> " * 300 + "x",
    "1. > " * 150 + "x",
    "\n".join("  " * depth + f"- level {depth}" for depth in range(40)) + "\n\nx",
    "[" * 300 + "x" + "](y)" * 300,
    "[" * 21 + "x](y)",
    "![" * 100 + "x" + "](y)" * 100,
    "*a " * 600 + "x" + " b*" * 600,
    "~~a **b " * 300 + "x" + " c** d~~" * 300,
    "> - " * 40 + "```\nx\n",
    "[^1]: x",
    "| a |\n|---|\n| b | c | x |",
    "> | a | b |\n> |---|---|\n> | b\\|b | `c` | x",
    "- > [a link]: x\n",
]


@pytest.mark.parametrize("deep", DEEP)
def test_no_depth_costs_a_word(deep: str) -> None:
    source = f"before\n\n{deep}\n\nafterword"
    for text in (
        "\n".join(line.plain for line in render(source, 400)),
        _flowed(source),
        _markdown(source),
    ):
        assert "before" in text
        assert "x" in text
        assert "afterword" in text


def _flowed(source: str) -> str:
    flow = Flow(400)
    for start in range(0, len(source), 7):
        flow.feed(source[start : start + 7])
    return "\n".join(line.plain for line in flow.lines)


def test_words_behind_the_language_of_code_are_shown_with_it() -> None:
    source = "```python these words count <b>\nx = 1\n```\n"
    assert [line.strip() for line in plain(source)] == ["python these words count <b>", "x = 1"]
    assert [line.strip() for line in plain(source, 14)][:2] == ["python these", "words count"]
    assert "these words count &lt;b&gt;" in _markdown(source)
    assert "words" not in _markdown("```python\nx = 1\n```\n")
