"""The widget that draws an answer, growing or complete."""

from __future__ import annotations

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from tests.ui.conftest import WidgetHost, shown, until
from vlmtui.ui.markdown import markdown_layout
from vlmtui.ui.widgets.transcript.markdown_view import MarkdownView
from vlmtui.ui.widgets.transcript.wrapped_rows import MOST_SHOWN

CODE = "Text.\n\n```python\nx = 'one'\n```\n"


class Host(WidgetHost):
    def __init__(self, source: str = "") -> None:
        super().__init__()
        self._source = source

    def compose(self) -> ComposeResult:
        yield MarkdownView(self._source)


def view_of(pilot: Pilot[int]) -> MarkdownView:
    return pilot.app.query_one(MarkdownView)


def coloured(view: MarkdownView) -> bool:
    return any(len(line.spans) > 3 for line in view._lines)


async def test_code_is_coloured_once_the_text_is_there() -> None:
    async with Host(CODE).run_test() as pilot:
        await until(pilot, lambda: coloured(view_of(pilot)))
        assert "x = 'one'" in shown(pilot)


async def test_a_text_that_has_streamed_in_is_coloured_at_its_end() -> None:
    async with Host().run_test() as pilot:
        view = view_of(pilot)
        for start in range(0, len(CODE), 5):
            view.append(CODE[start : start + 5])
            await pilot.pause()
        assert not coloured(view)
        height = view.size.height
        view.update(CODE)
        await until(pilot, lambda: coloured(view))
        assert view.size.height == height


async def test_a_resize_at_the_end_of_an_answer_leaves_its_code_coloured() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        view = view_of(pilot)
        view.append(CODE)
        await pilot.pause()
        view.update(CODE)
        view.get_content_height(pilot.app.size, pilot.app.size, 40)  # before the thread is done
        await pilot.resize_terminal(40, 24)
        await until(pilot, lambda: coloured(view))


async def test_what_streams_in_redraws_only_the_lines_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Host().run_test(size=(40, 24)) as pilot:
        view = view_of(pilot)
        view.append("word " * 30)
        await until(pilot, lambda: "word" in shown(pilot))
        drawn: list[int] = []
        draw = view._draw
        monkeypatch.setattr(view, "_draw", lambda y: (drawn.append(y), draw(y))[1])
        view.append("end")
        await until(pilot, lambda: "end" in shown(pilot))
        assert set(drawn) == {view.size.height - 1}


async def test_a_resize_while_text_streams_in_loses_nothing() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        view = view_of(pilot)
        view.append("one two three four five " * 10)
        await pilot.resize_terminal(40, 24)
        await pilot.pause()
        view.append("the end")
        await until(pilot, lambda: "the end" in shown(pilot))
        assert shown(pilot).count("five") == 10


async def test_a_very_long_text_is_shown_in_part_and_says_so() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        view = view_of(pilot)
        view.append("x" * (MOST_SHOWN + 5_000))
        view.append("y" * 1_000)
        await until(pilot, lambda: "6,000 more characters" in view._lines[-1].plain)
        view.update(view.source)
        await until(pilot, lambda: view._flow is None)
        assert "6,000 more characters" in view._lines[-1].plain
        assert view.source.endswith("y")


async def test_a_long_text_is_laid_out_apart() -> None:
    async with Host("one two three\n\n" * 2_000).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(pilot).startswith("one two three"))
        assert len(view_of(pilot)._lines) == 3_999


async def test_a_long_text_that_can_not_be_laid_out_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(source: str, width: int) -> None:
        raise RecursionError

    monkeypatch.setattr(markdown_layout, "render", fail)
    async with Host("one **two** three\n\n" * 1_000).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(pilot).startswith("one **two** three"))
