"""A picture whose stored file is gone: told, and the chat goes on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.fakes import FakeEngine
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Notice


def test_a_stored_picture_that_is_gone_does_not_block_its_chat(
    session: ChatSession, engine: FakeEngine, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    picture = session.images.attach(tmp_path / "cat.png")
    assert not [e for e in session.send("What is it?", (picture,)) if isinstance(e, Notice)]
    Path(picture.path).unlink()

    events = list(session.send("And its colour?"))
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.kind for notice in notices] == ["missing"]
    assert "cat.png is missing" in notices[0].message and notices[0].hint
    told = engine.requests[-1].messages
    assert not any(message.images for message in told)
    assert told[-1].text == "And its colour?"
    shown = session.transcript()
    assert shown[-1].status == "complete"
    assert shown[0].message.images == (picture,)  # its place stays, for when it comes back

    Image.new("RGB", (8, 8)).save(tmp_path / "again.png")
    again = session.images.attach(tmp_path / "again.png")
    assert again.sha256 == picture.sha256
    assert not [e for e in session.send("Now?") if isinstance(e, Notice)]
    assert engine.requests[-1].messages[0].images == (picture,)
