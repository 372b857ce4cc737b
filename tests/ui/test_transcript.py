"""The transcript as one widget: what is mounted, and where the reader is."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.pilot import Pilot

from tests.ui.conftest import WidgetHost, shown, until
from vlmtui.messages import Message, assistant, user
from vlmtui.storage.records import StoredMessage
from vlmtui.ui import marks
from vlmtui.ui.widgets.transcript.transcript import Transcript

SIZE = (60, 20)


class Host(WidgetHost):
    def compose(self) -> ComposeResult:
        yield Transcript()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)


def stored(number: int, message: Message, **fields: object) -> StoredMessage:
    fields = {"parent_id": number - 1 or None, "status": "complete", "created": 0.0, **fields}
    return StoredMessage(id=number, message=message, **fields)


def thread(messages: int) -> list[StoredMessage]:
    """Questions and answers that take between three and about twelve rows each."""
    made = []
    for number in range(1, messages + 1):
        text = f"message {number}: " + "\n\n".join(["some words to read"] * (number % 5 + 1))
        made.append(stored(number, assistant(text) if number % 2 == 0 else user(text)))
    return made


def mounted(transcript: Transcript) -> list[int]:
    return [i for i, entry in enumerate(transcript.entries) if entry.widget is not None]


async def settled(pilot: Pilot[int], transcript: Transcript) -> None:
    """Everything in and near the view is there and laid out."""
    await until(pilot, lambda: all(entry.widget for entry in transcript.in_view()))
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()
    await pilot.pause()


async def test_a_long_chat_opens_at_its_end_with_few_widgets() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(2000))
        await settled(pilot, transcript)
        assert "message 2000" in shown(pilot)
        assert transcript.scroll_y == transcript.max_scroll_y > 4000
        assert len(mounted(transcript)) < 30


async def test_far_messages_are_taken_away_again() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(400))
        for y in (800, 100, 1500, 0):
            transcript.scroll_to(y=y, animate=False, immediate=True)
            await settled(pilot, transcript)
        await until(pilot, lambda: len(mounted(transcript)) < 60)
        assert "message 1:" in shown(pilot)


async def test_what_is_read_stays_in_place_while_heights_become_known() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(200))
        await settled(pilot, transcript)
        for _ in range(60):
            before = shown(pilot).split("\n")[1:]
            transcript.scroll_to(y=transcript.scroll_y - 3, animate=False, immediate=True)
            await settled(pilot, transcript)
            after = shown(pilot).split("\n")[1:]
            assert [line.rstrip("▁▂▃▄▅▆▇█ ") for line in after[3:]] == [
                line.rstrip("▁▂▃▄▅▆▇█ ") for line in before[:-3]
            ]


async def test_a_resize_keeps_the_message_that_is_read() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(200))
        entry = transcript.entry(101)
        assert entry is not None
        await transcript.bring(entry)
        await settled(pilot, transcript)
        assert "message 101:" in shown(pilot).split("\n")[2]
        for size in ((30, 40), (100, 12), SIZE):
            await pilot.resize_terminal(*size)
            await settled(pilot, transcript)
            assert "message 101:" in shown(pilot).split("\n")[2]


async def test_text_that_comes_below_the_view_is_told_and_leads_to_the_end() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(20))
        row = stored(21, assistant(""), parent_id=20, status="streaming")
        answer = await transcript.begin_answer(row)
        answer.append("It begins.\n\n")
        await settled(pilot, transcript)
        transcript.scroll_page_up(animate=False)
        await settled(pilot, transcript)
        assert "new text" not in shown(pilot)
        answer.append("It goes on.\n\n" * 9)
        await until(pilot, lambda: "▼ new text" in shown(pilot))
        await pilot.click("News")
        await until(pilot, lambda: transcript.scroll_y == transcript.max_scroll_y)
        assert "new text" not in shown(pilot)
        assert "It goes on." in shown(pilot)


async def test_a_message_that_follows_an_earlier_one_replaces_what_stood_there() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(6))
        await transcript.ask(stored(7, user("the other question"), parent_id=2))
        await settled(pilot, transcript)
        assert [entry.stored.id for entry in transcript.messages()] == [1, 2, 7]
        assert "the other question" in shown(pilot)
        assert "message 3" not in shown(pilot)


async def test_an_answer_that_goes_on_stands_in_its_place() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        half = stored(2, assistant("It is a"), status="cancelled")
        await transcript.show([stored(1, user("What?")), half])
        await transcript.tell("Something", error=False)
        await settled(pilot, transcript)
        assert "stopped" in shown(pilot)
        answer = await transcript.begin_answer(half)
        answer.append(" circle.")
        await settled(pilot, transcript)
        assert "It is a circle." in shown(pilot)
        assert "stopped" not in shown(pilot)
        assert "Something" not in shown(pilot)
        assert len(transcript.messages()) == 2


async def test_a_message_that_was_searched_for_is_brought_into_view_with_its_words_marked() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        messages = thread(300)
        messages[99] = stored(100, assistant("padding\n\n" * 60 + "here is the *needle* at last"))
        await transcript.show(messages)
        assert await transcript.goto(100, ["need"])
        await until(pilot, lambda: "here is the needle at last" in shown(pilot))
        assert await transcript.goto(7, ["words"])
        await until(pilot, lambda: "message 7:" in shown(pilot))
        assert not await transcript.goto(9_999)


def test_marks_stand_on_beginnings_of_words_whatever_their_case() -> None:
    found = marks.pattern(["nee", "(x"])
    marked = marks.marked(Content("Needle, kneel, need (x)"), found)
    assert [marked.plain[span.start : span.end] for span in marked.spans] == ["Needle", "need"]


async def test_an_answer_that_grows_by_a_line_is_laid_out_once() -> None:
    async with Host().run_test(size=SIZE) as pilot:
        transcript = pilot.app.query_one(Transcript)
        await transcript.show(thread(6))
        answer = await transcript.begin_answer(stored(7, assistant(""), status="streaming"))
        answer.append("It begins.\n\n")
        await settled(pilot, transcript)
        layouts: list[object] = []
        pilot.app.screen.screen_layout_refresh_signal.subscribe(transcript, layouts.append)
        for number in range(1, 4):
            answer.append(f"paragraph {number}\n\n")
            await until(pilot, lambda number=number: f"paragraph {number}" in shown(pilot))
            await settled(pilot, transcript)
            assert len(layouts) == number
        assert transcript.scroll_y == transcript.max_scroll_y
