"""Every command, given to the screen and line by line: the same is said, the same is on disk."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.fakes import answer
from tests.ui.conftest import Stage, ready, say, screen_of, until
from tests.ui.test_chat_models import FakeShelf
from vlmtui.chat.session import ChatSession
from vlmtui.commands import specs
from vlmtui.commands.context import CommandContext
from vlmtui.plain.console import Console
from vlmtui.plain.line_reader import LineReader
from vlmtui.plain.plain_chat import PlainChat
from vlmtui.plain.printer import Printer
from vlmtui.settings import PRESETS
from vlmtui.ui.widgets.composer.hint import Hint
from vlmtui.ui.widgets.transcript.notice import Notice

SIZE = (200, 60)

SAID = (
    # pictures
    *("/image", "/image ''", "/image nowhere.png", "/image scene.png nowhere.png"),
    *("/image *.gif", "/sample", "/sample now", "/view all"),
    *("/pick nowhere", "/pick a b", "/crop 1,2,3", "/crop 9999,0,1,1"),
    # messages
    *("/regen 4", "/regen last", "/regen #4 now", "/regen #99", "/regen #99999999999999999999"),
    *("/regen #4b", "/continue", "/continue now"),
    *("/edit #99 What?", "/edit #4 What?", "/edit #99999999999999999999", "/edit #4b"),
    *("/delete", "/delete #4", "/delete #3", "/delete it", "/delete #99", "/undo", "/undo all"),
    *("/copy all", "/copy #1 code", "/copy #99", "/previous #3", "/next", "/next 2", "/next #99"),
    "/next #99999999999999999999",
    # chats
    *("/new now", "/open", "/open nothing like it", "/open 99", "/open 99999999999999999999"),
    *("/open 1 #99", "/open 1 #9x", "/rename", "/rename About shapes", "/rename ''", "/pin"),
    *("/pin it", "/duplicate it", "/trash it", "/export", "/export md", "/export a.md b.md"),
    *("/export pdf", "/export json chat.json", "/export /proc/nowhere/chat.md"),
    *("/import", "/import ''", "/import a b", "/import nowhere.json"),
    # writing
    *("/history #1 now", "/history #99", "/history #1b", "/editor #4", "/editor #1 now"),
    # models
    *("/model nonsense", "/model fake", "/models rm", "/models rm fake", "/models rm nonsense"),
    *("/models info", "/models info nonsense", "/models pull"),
    *("/compare", "/compare fake", "/compare fake nonsense What?", "/compare nonsense fake"),
    # settings
    *("/system Be brief.", "/system default", "/set", "/set nonsense", "/set seed x", "/set seed"),
    *("/detail", "/detail high", "/detail 700", "/detail 0", "/detail nan", "/detail default"),
    *("/schema", "/schema name: str, n?: int", "/schema {", "/schema a: strng", "/schema off"),
    *("/choices", "/choices red,blue", "/choices red,,blue", "/choices a,a", "/choices default"),
    *("/grammar nowhere.gbnf", "/regex [0-9]{5}", "/regex (?=a)", "/grammar", "/regex off"),
    *("/think sideways", "/think 0", "/think off", "/think 200", "/think default", "/thought"),
    *("/thought #99", "/thought #2", "/thought it"),
    *("/set seed 7", "/set default", "/preset nonsense", "/preset precise", "/preset default"),
    # the application
    *("/stats 2", "/stats #99", "/monitor now", "/quit now", "/nonsense", "/mdoel"),
)
"""What both say the same about."""

TURNS = (
    *("/regen", "/regen #2", "/regen #3", "/edit Other words?", "/edit #3 Other words?"),
    *("/edit @scene.png Other words?", "/compare fake llava:7b", "/compare llava:7b fake And?"),
    *("/compare fake llava:7b @scene.png And?", "/model llava:7b", "/regen #1"),
)
"""What the model is asked, and what is on disk afterwards, is the same."""

SHOWN = (
    *("/new", "/open 1", "/open #1", "/open First", "/open 1 #2", "/open 2 #4", "/previous"),
    *("/previous #6", "/duplicate", "/trash", "/import saved.json", "/undo", "/view"),
    *("/copy", "/copy code", "/copy #3", "/copy #2 code", "/crop 0,0,8,8"),
)
"""What is on disk afterwards is the same; each shows it in its own way."""

FORMS = {
    "/pick": "PickerScreen",
    "/view": "PictureScreen",
    "/crop": "CropScreen",
    "/search": "SearchScreen",
    "/search circle": "SearchScreen",
    "/history": "HistoryScreen",
    "/model": "ModelPicker",
    "/models": "ModelsScreen",
    "/system": "TextEditor",
    "/preset": "CommandChooser",
    "/think": "CommandChooser",
    "/theme": "ThemePicker",
    "/monitor": "MonitorScreen",
    "/stats": "StatsScreen",
    "/help": "HelpScreen",
    "/keys": "HelpScreen",
}
"""What the screen has a form of its own for; lines print."""

ELSEWHERE = ("/chats", "/editor", "/show", "/more", "/quit", "/edit")
"""What is tried by tests of its own."""


def furnish(session: ChatSession) -> None:
    """Two chats: the first with an answer, the second with code, and with two last answers."""
    list(session.model.load())
    list(session.send("First?"))
    session.open(None)
    list(session.send("Second?"))
    list(session.regenerate())
    list(session.send("Third?", [session.images.attach("scene.png")]))


def written(stage: Stage) -> list[object]:
    """All that is on disk of chats, without times."""
    found: list[object] = []
    archive = stage.session().archive
    chats = [*(row.chat for row in archive.listing.rows()), *archive.chats.trash.chats()]
    for chat in sorted(chats, key=lambda chat: chat.id):
        tree = [
            (
                *(each.id, each.parent_id, each.message.role.value, each.message.text, each.status),
                *(each.model, [image.name for image in each.message.images]),
            )
            for each in stage.store.trees.read(chat.id)
        ]
        found.append(
            (
                *(chat.id, chat.title, chat.pinned, chat.deleted is not None, chat.leaf_id),
                *(chat.system, chat.sampling, chat.model, tree),
            )
        )
    return found


def asked(stage: Stage) -> list[object]:
    """What the model was told, message by message."""
    return [
        [(message.role.value, message.text, len(message.images)) for message in request.messages]
        for request in stage.engine.requests
    ]


def words(text: str, folder: Path) -> str:
    """What was said, without what is only its form."""
    text = text.replace(str(folder), "HERE").replace("Error: ", "")
    lines = (line for line in text.splitlines() if not line.startswith("Attached: "))
    return re.sub(r"[^\w#/“”]+", " ", " ".join(lines)).strip()


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Stage]]:
    """Makes stages with the same two chats, the same pictures and models."""
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "stdin", sys.stdin)  # put back afterwards
    made: list[Stage] = []

    def make(name: str) -> Stage:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        stage = Stage(folder)
        stage.available_models = FakeShelf
        stage.picture()
        for text in ("Yes.", "So:\n```py\nprint(1)\n```\n", "No.", "Again."):
            stage.engine.script(*answer(text))
        session = stage.session()
        furnish(session)
        session.archive.export(1, folder / "saved.json", "json")
        made.append(stage)
        return stage

    yield make
    for stage in made:
        for session in stage.sessions:
            session.close()
        stage.store.close()


def by_lines(stage: Stage, line: str) -> str:
    """What is said when a line is given to the plain chat, which goes on with the second chat."""
    sys.stdin = io.StringIO(f"{line}\n")
    session = stage.session(continue_last=True)
    answers, notes = io.StringIO(), io.StringIO()
    context = CommandContext(session, FakeShelf(), PRESETS)
    PlainChat(Console(context, Printer(answers, notes), LineReader())).run()
    return words(f"{notes.getvalue()}\n{answers.getvalue()}", stage.folder)


async def on_screen(
    stage: Stage, line: str, look: Callable[[Pilot[int]], Any], awaited: str = ""
) -> Any:
    """What `look` sees when a line is given to the screen, which goes on with the second chat.

    It looks until it sees what is awaited; a busy machine may not have begun when all seems over.
    """
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen_of(pilot).prompt.say()
        await say(pilot, line)
        await settled(pilot)
        if awaited:
            with suppress(asyncio.TimeoutError):
                await until(pilot, lambda: awaited in look(pilot))
        return look(pilot)


async def settled(pilot: Pilot[int]) -> None:
    """Everything that was begun is over."""
    screen = screen_of(pilot)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await until(pilot, lambda: not screen.topics.busy)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def said_on(stage: Stage) -> Callable[[Pilot[int]], str]:
    def look(pilot: Pilot[int]) -> str:
        told = [*screen_of(pilot).query(Notice), *screen_of(pilot).query(Hint)]
        return words("\n".join(str(each.render()) for each in told), stage.folder)

    return look


@pytest.mark.parametrize("line", SAID)
async def test_both_say_the_same(stages: Callable[[str], Stage], line: str) -> None:
    plain = stages("lines")
    told = by_lines(plain, line)
    screen = stages("screen")
    seen = await on_screen(screen, line, said_on(screen), told)
    assert told in seen
    assert written(screen) == written(plain)
    assert asked(screen) == asked(plain)


@pytest.mark.parametrize("line", (*TURNS, *SHOWN))
async def test_both_do_the_same(stages: Callable[[str], Stage], line: str) -> None:
    plain = stages("lines")
    by_lines(plain, line)
    screen = stages("screen")
    await on_screen(screen, line, lambda pilot: None)
    assert written(screen) == written(plain)
    assert asked(screen) == asked(plain)


@pytest.mark.parametrize("line", FORMS)
async def test_what_the_screen_has_a_form_for_is_printed_in_lines(
    stages: Callable[[str], Stage], line: str
) -> None:
    plain = stages("lines")
    assert by_lines(plain, line)
    screen = stages("screen")
    form = await on_screen(screen, line, lambda pilot: type(pilot.app.screen).__name__)
    assert form == FORMS[line]
    assert written(screen) == written(plain)


def test_no_command_is_left_out() -> None:
    lines = (*SAID, *TURNS, *SHOWN, *FORMS, *ELSEWHERE)
    tried = {line.split()[0].removeprefix("/") for line in lines}
    assert tried >= {spec.name for spec in specs.SPECS}
