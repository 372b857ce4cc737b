"""Chats as files: for reading, and back again without a loss."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.disks import fill
from tests.processes import unprivileged
from vlmtui.chat import export_json, exported_file
from vlmtui.chat.archive import Archive
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.errors import ArchiveError, StorageError
from vlmtui.messages import ImagePart, Message, Role, TextPart, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, StoredMessage

HOSTILE = 'a <script>alert(1)</script> & "q" \x1b]0;gone\x07\u202e [red]*b*[/] `c` # d _e_ | f'


@pytest.fixture
def archive(store: ChatStore, images: ImageStore) -> Archive:
    return Archive(store, images)


@pytest.fixture
def picture(tmp_path: Path, images: ImageStore) -> ImagePart:
    path = tmp_path / "red shape.png"
    Image.new("RGB", (6, 4), "red").save(path)
    return AttachedImages(images).attach(path)


@pytest.fixture
def chat(store: ChatStore, picture: ImagePart) -> Chat:
    """Two answers, the first one shown."""
    picture = msgspec.structs.replace(picture, detail="high")
    chat, question = store.start("Shapes & *more*", user("What is it?", (picture,)))
    one = store.add(chat.id, question.id, assistant("A **red**\n\n- square"), "demo")
    stats = {"generated_tokens": 57, "decode_tokens_per_s": 32.04, "time_to_first_token_s": 0.75}
    store.update_text(one.id, "A **red**\n\n- square", "complete", stats)
    store.add(chat.id, question.id, assistant("The other answer"), "demo")
    store.set_leaf(chat.id, one.id)
    return store.get(chat.id)


def told(store: ChatStore, chat_id: int) -> list[object]:
    """All there is to a chat, without the numbers that only this database gives."""
    tree = store.trees.read(chat_id)
    order = {message.id: number for number, message in enumerate(tree)}
    chat = store.get(chat_id)
    head = msgspec.structs.replace(chat, id=0, leaf_id=chat.leaf_id and order[chat.leaf_id])
    return [head] + [
        msgspec.structs.replace(
            message,
            id=order[message.id],
            parent_id=None if message.parent_id is None else order[message.parent_id],
            status="interrupted" if message.status == "streaming" else message.status,
        )
        for message in tree
    ]


# ---------------------------------------------------------------------- markdown


def test_markdown_has_the_shown_branch_with_its_pictures_beside(
    archive: Archive, chat: Chat, tmp_path: Path
) -> None:
    path = archive.export(chat.id, tmp_path / "out.md", "markdown")
    text = path.read_text()
    assert text.startswith("# Shapes \\& \\*more\\*\n\n## You")
    assert "![red shape.png](out-images/1-red-shape.png)" in text
    assert "What is it?" in text
    assert "A **red**\n\n- square\n\n*57 tokens · 32.0 tok/s · first token after 0.75 s*" in text
    assert "The other answer" not in text
    with Image.open(tmp_path / "out-images" / "1-red-shape.png") as copied:
        assert copied.size == (6, 4)


def test_markdown_lets_nothing_out_of_its_place(
    archive: Archive, store: ChatStore, tmp_path: Path
) -> None:
    chat, question = store.start(HOSTILE, user("q"))
    answer = store.add(chat.id, question.id, assistant(""), HOSTILE)
    store.update_text(answer.id, "```python\nnever closed\x1b[2J", "failed", error="no\x07pe")
    store.add(chat.id, answer.id, user("after"))
    text = archive.export(chat.id, tmp_path / "out.md", "markdown").read_text()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert text.splitlines()[0].startswith(r"# a \<script\>alert(1)\</script\> \& ")
    assert "never closed␛[2J\n```\n" in text
    assert "*failed: no␇pe*" in text


# ---------------------------------------------------------------------- html


class Tags(HTMLParser):
    """What a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_one_file_with_the_pictures_in_it(
    archive: Archive, chat: Chat, tmp_path: Path, picture: ImagePart
) -> None:
    page = Tags(archive.export(chat.id, tmp_path / "out.html", "html").read_text())
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    source = image["src"] or ""
    assert (
        base64.b64decode(source.removeprefix("data:image/png;base64,"))
        == Path(picture.path).read_bytes()
    )
    assert {"strong", "li", "style"} <= {tag for tag, _ in page.tags}
    assert "What is it?" in page.text
    assert "The other answer" not in page.text
    assert "prefers-color-scheme: dark" in page.text
    assert [each.name for each in tmp_path.glob("out*")] == ["out.html"]


def test_html_shows_what_browsers_do_not_know_as_png(
    archive: Archive, store: ChatStore, images: ImageStore, tmp_path: Path
) -> None:
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.tiff")
    chat, _ = store.start("t", user("q", (AttachedImages(images).attach(tmp_path / "a.tiff"),)))
    text = archive.export(chat.id, tmp_path / "out.html", "html").read_text()
    assert "data:image/png;base64," in text
    assert "a.tiff · 6×4" in text


LINKS = """
[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) [d](vbscript:x)
[e](file:///etc/passwd) <javascript:alert(1)> [f](https://example.org "t") ![g](https://example.org/t.png)
<img src=x onerror=alert(1)> <!-- [h](java&#x73;cript:alert(1)) ![i](data:image/png;base64,AAAA)

<script>alert(1)</script>
"""


def test_html_runs_and_fetches_nothing_that_a_model_wrote(
    archive: Archive, store: ChatStore, tmp_path: Path
) -> None:
    chat, question = store.start(HOSTILE, user(HOSTILE + LINKS))
    answer = store.add(chat.id, question.id, assistant(LINKS + HOSTILE), HOSTILE)
    store.update_text(answer.id, LINKS + HOSTILE, "failed", error=HOSTILE)
    text = archive.export(chat.id, tmp_path / "out.html", "html").read_text()
    page = Tags(text)
    assert not {"script", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in page.tags}
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == ["https://example.org"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [tag for tag, attributes in page.tags if "src" in attributes]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "<script>alert(1)</script>" in page.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'`[]()!*_#~|\\:/\n"))
)
def test_no_text_becomes_a_tag_that_acts(store: ChatStore, tmp_path: Path, text: str) -> None:
    from vlmtui.chat import export_html

    thread = [
        StoredMessage(1, None, user(text), "complete", 0.0),
        StoredMessage(2, 1, assistant(text), "failed", 0.0, text, text),
    ]
    page = Tags(b"".join(export_html.pieces(Chat(1, text, 0, 0, 2), thread)).decode())
    assert not {"script", "img", "iframe", "object", "svg"} & {tag for tag, _ in page.tags}


# ---------------------------------------------------------------------- json


def test_everything_comes_back_from_json(
    archive: Archive, store: ChatStore, chat: Chat, tmp_path: Path
) -> None:
    store.configure(
        msgspec.structs.replace(chat, system="Be\nbrief", sampling={"top_k": 3}, model="demo")
    )
    archive.chats.pin(chat.id, True)
    path = archive.export(chat.id, tmp_path / "out.json", "json")
    back = archive.import_json(path)
    assert back.id != chat.id
    assert told(store, back.id) == told(store, chat.id)
    with closing(ChatStore(Database(tmp_path / "elsewhere" / "chats.db"))) as other:
        elsewhere = ImageStore(tmp_path / "elsewhere" / "images")
        there = Archive(other, elsewhere).import_json(path)
        (image,) = other.thread(there.id)[0].message.images
        assert Path(image.path).is_relative_to(tmp_path / "elsewhere")
        assert hashlib.sha256(Path(image.path).read_bytes()).hexdigest() == image.sha256
        assert (image.name, image.width, image.height) == ("red shape.png", 6, 4)
        assert image.detail == "high"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
STATUSES = st.sampled_from(["complete", "streaming", "cancelled", "failed", "interrupted"])


@st.composite
def trees(draw: st.DrawFn) -> tuple[Chat, list[tuple[Any, ...]]]:
    messages = []
    for number in range(draw(st.integers(1, 8))):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        parts = draw(st.lists(TEXTS | st.just(None), max_size=4))
        role = draw(st.sampled_from(list(Role)))
        fields = (draw(st.none() | TEXTS), draw(st.none() | TEXTS), draw(st.none() | TEXTS))
        stats = draw(st.none() | st.dictionaries(TEXTS, PLAIN, max_size=3))
        messages.append(
            (parent, role, parts, draw(STATUSES), draw(st.floats(0, 1e11)), fields, stats)
        )
    chat = Chat(
        0,
        draw(TEXTS),
        draw(st.floats(0, 1e11)),
        draw(st.floats(1, 1e11)),
        draw(st.none() | st.integers(0, len(messages) - 1)),
        draw(st.booleans()),
        draw(st.none() | TEXTS),
        draw(st.none() | st.dictionaries(TEXTS, PLAIN, max_size=3)),
        draw(st.none() | TEXTS),
    )
    return chat, messages


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(trees())
def test_any_chat_comes_back_from_json_as_it_was(
    archive: Archive,
    store: ChatStore,
    picture: ImagePart,
    tmp_path: Path,
    tree: tuple[Chat, list[tuple[Any, ...]]],
) -> None:
    chat, drawn = tree
    messages = [
        StoredMessage(
            number,
            parent,
            Message(role, tuple(picture if part is None else TextPart(part) for part in parts)),
            status,
            created,
            model,
            error,
            stats,
            kind,
        )
        for number, (
            parent,
            role,
            parts,
            status,
            created,
            (model, error, kind),
            stats,
        ) in enumerate(drawn)
    ]
    made = store.trees.add(chat, messages)
    path = archive.export(made.id, tmp_path / "any.json", "json", overwrite=True)
    back = archive.import_json(path)
    assert told(store, back.id) == told(store, made.id)


def test_a_deleted_branch_is_not_exported(
    archive: Archive, store: ChatStore, chat: Chat, tmp_path: Path
) -> None:
    shown = store.thread(chat.id)
    archive.delete_message(shown[-1].id)
    back = archive.import_json(archive.export(chat.id, tmp_path / "out.json", "json"))
    assert [m.message.text for m in store.trees.read(back.id)] == [
        "What is it?",
        "The other answer",
    ]


def test_what_is_only_in_memory_is_exported_too(
    archive: Archive, store: ChatStore, chat: Chat, tmp_path: Path
) -> None:
    shown = store.thread(chat.id)
    shown[-1] = msgspec.structs.replace(shown[-1], message=assistant("more than on disk"))
    for name, format_name in (("a.md", "markdown"), ("a.json", "json"), ("a.html", "html")):
        path = archive.export(chat.id, tmp_path / name, format_name, shown=shown)
        assert "more than on disk" in path.read_text()


def test_a_picture_goes_out_and_comes_in_piece_by_piece(
    archive: Archive,
    store: ChatStore,
    chat: Chat,
    refused: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = archive.export(chat.id, tmp_path / "whole.html", "html").read_bytes()
    monkeypatch.setattr(export_json, "_PIECE", 9)
    monkeypatch.setattr(exported_file, "_PIECE", 96)
    assert archive.export(chat.id, tmp_path / "pieces.html", "html").read_bytes() == whole
    pieces = list(archive.exported(chat.id, "json"))
    assert max(map(len, pieces[1:])) < 80  # the first has the messages
    (path := tmp_path / "a.json").write_bytes(b"".join(pieces))
    assert told(store, archive.import_json(path).id) == told(store, chat.id)
    content = path.read_bytes()
    start = content.index(b'"data":"') + 8
    for damaged in (b"!", b"\\", b"=", b"A"):
        path.write_bytes(content[: start + 9] + damaged + content[start + 10 :])
        refused(path, "picture [0-9a-f]{12}…")


def test_a_chat_whose_picture_is_gone_is_exported_without_it(
    archive: Archive, store: ChatStore, chat: Chat, picture: ImagePart, tmp_path: Path
) -> None:
    Path(picture.path).unlink()
    assert (
        "picture red shape.png is missing"
        in archive.export(chat.id, tmp_path / "a.md", "markdown").read_text()
    )
    assert (
        "picture red shape.png is missing"
        in archive.export(chat.id, tmp_path / "a.html", "html").read_text()
    )
    back = archive.import_json(archive.export(chat.id, tmp_path / "a.json", "json"))
    (image,) = store.thread(back.id)[0].message.images
    assert (image.sha256, image.width, image.height) == (picture.sha256, 6, 4)


# ---------------------------------------------------------------------- where files go


def test_a_directory_gets_a_file_with_a_free_name(
    archive: Archive, chat: Chat, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    names = [archive.export(chat.id, tmp_path / "out", "json").name for _ in range(3)]
    assert names == ["shapes-more.json", "shapes-more-2.json", "shapes-more-3.json"]


def test_a_title_without_letters_still_gives_a_name(
    archive: Archive, store: ChatStore, tmp_path: Path
) -> None:
    for title, name in (("../..", "chat-1.json"), ("ä" * 300, "ä" * 50 + ".json")):
        chat, _ = store.start(title, user("q"))
        assert archive.export(chat.id, tmp_path, "json").name == name


@pytest.mark.parametrize(
    ("name", "format_name"), [("a.md", "markdown"), ("a.html", "html"), ("a.json", "json")]
)
def test_what_is_there_is_not_overwritten_unless_asked(
    archive: Archive, chat: Chat, tmp_path: Path, name: str, format_name: Any
) -> None:
    path = tmp_path / name
    path.write_text("precious")
    with pytest.raises(ArchiveError, match="already exists"):
        archive.export(chat.id, path, format_name)
    assert path.read_text() == "precious"
    assert [each.name for each in tmp_path.glob("a*")] == [name]
    archive.export(chat.id, path, format_name, overwrite=True)
    assert "What is it?" in path.read_text()


def test_pictures_of_others_are_not_overwritten_either(
    archive: Archive, chat: Chat, tmp_path: Path
) -> None:
    (tmp_path / "a-images").mkdir()
    with pytest.raises(ArchiveError, match=r"a-images.* already exists"):
        archive.export(chat.id, tmp_path / "a.md", "markdown")
    assert not (tmp_path / "a.md").exists()


def test_home_is_expanded(
    archive: Archive, chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = archive.export(chat.id, Path("~/mine.json"), "json")
    assert path == tmp_path / "mine.json"
    assert archive.import_json(Path("~/mine.json")).title == chat.title


def test_a_place_that_does_not_exist_or_cannot_be_written_is_told(
    archive: Archive, chat: Chat, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="no directory"):
        archive.export(chat.id, tmp_path / "none" / "a.json", "json")
    with pytest.raises(ArchiveError, match="no directory"):
        archive.export(chat.id, tmp_path / "none" / "a.md", "markdown")
    with pytest.raises(StorageError, match="no chat 99"):
        archive.export(99, tmp_path / "a.json", "json")


def test_a_directory_that_is_read_only_is_told(archive: Archive, chat: Chat) -> None:
    folder = Path(tempfile.mkdtemp())  # everyone can enter it, unlike pytest's own
    folder.chmod(0o555)
    try:
        with unprivileged(), pytest.raises(ArchiveError, match="can't be written: Permission"):
            archive.export(chat.id, folder / "a.json", "json")
    finally:
        folder.rmdir()


@pytest.mark.parametrize("name", ["a.md", "a.html", "a.json"])
def test_a_full_disk_is_told_and_left_as_it_was(
    archive: Archive,
    store: ChatStore,
    images: ImageStore,
    tiny_disk: Path,
    tmp_path: Path,
    name: str,
) -> None:
    noise = Image.frombytes("RGB", (400, 400), os.urandom(480_000))
    noise.save(tmp_path / "noise.png")
    chat, _ = store.start("t", user("q", (AttachedImages(images).attach(tmp_path / "noise.png"),)))
    fill(tiny_disk / "ballast")
    format_name: Any = {"a.md": "markdown", "a.html": "html", "a.json": "json"}[name]
    with pytest.raises(StorageError, match="no space left"):
        archive.export(chat.id, tiny_disk / name, format_name)
    assert [each.name for each in tiny_disk.iterdir()] == ["ballast"]


# ---------------------------------------------------------------------- files that are no chats


@pytest.fixture
def exported(archive: Archive, chat: Chat, tmp_path: Path) -> dict[str, Any]:
    path = archive.export(chat.id, tmp_path / "good.json", "json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
def refused(archive: Archive, store: ChatStore, path: Path) -> Iterator[Any]:
    """Imports a file that must be refused, and looks that nothing was kept of it."""

    def everything() -> object:
        files = sorted(each for each in (path.parent / "images").rglob("*") if each.is_file())
        return files, [row.chat for row in archive.listing.rows()]

    def check(file: Path, match: str) -> ArchiveError:
        before = everything()
        with pytest.raises(ArchiveError, match=match) as caught:
            archive.import_json(file)
        assert str(file) in caught.value.message
        assert caught.value.hint
        assert everything() == before
        return caught.value

    yield check


def damage(exported: dict[str, Any], where: str, value: object) -> None:
    *way, last = (int(step) if step.isdigit() else step for step in where.split("."))
    place: Any = exported
    for step in way:
        place = place[step]
    place[last] = value


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("format", "other", "not the JSON of a chat"),
        ("version", 2, "newer vlmtui"),
        ("version", 0, "no format 0"),
        ("version", "1", "not the JSON of a chat"),
        ("messages", [], "no messages"),
        ("messages", None, "messages"),
        ("messages.0.parent", 99, "not before it"),
        ("messages.0.parent", 1, "not before it"),
        ("messages.1.id", 1, "two messages"),
        ("messages.1.id", -1, "id"),
        ("messages.0.role", "root", "role"),
        ("messages.0.status", "fine", "status"),
        ("messages.0.created", -5, "created"),
        ("messages.0.created", 1e300, "created"),
        ("messages.0.parts.0.sha256", "../../etc/passwd", "sha256"),
        ("messages.0.parts.0.sha256", "0" * 64, "picture 000000000000… is not in it"),
        ("messages.0.parts.0.type", "video", "video"),
        ("chat.leaf", 99, "99"),
        ("chat.title", 5, "title"),
        ("chat.title", "x" * 5000, "title"),
        ("images", {"x": {}}, "images"),
    ],
)
def test_a_file_that_is_wrong_anywhere_is_refused(
    exported: dict[str, Any], refused: Any, tmp_path: Path, where: str, value: object, said: str
) -> None:
    damage(exported, where, value)
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(exported))
    refused(file, re.escape(said))


def test_pictures_are_looked_at_before_anything_is_kept(
    exported: dict[str, Any], refused: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    (sha256,) = exported["images"]
    fresh = tmp_path / "fresh.png"
    Image.new("RGB", (9, 9), "blue").save(fresh)
    good = fresh.read_bytes()
    exported["images"][hashlib.sha256(good).hexdigest()] = {
        "width": 9, "height": 9, "data": base64.b64encode(good).decode()
    }  # fmt: skip
    for data, said in (
        (b"other bytes", "is damaged: its bytes"),
        (b"#!/bin/sh\nrm -rf ~", "picture"),
        (b"", "picture"),
    ):
        key = sha256 if said == "is damaged: its bytes" else hashlib.sha256(data).hexdigest()
        exported["images"][key] = {"width": 1, "height": 1, "data": base64.b64encode(data).decode()}
        file.write_text(json.dumps(exported))
        refused(file, said)
        if key != sha256:
            del exported["images"][key]
        else:
            exported["images"].pop(key)
            exported["messages"][0]["parts"] = []
    exported["images"]["0" * 64] = {"width": 1, "height": 1, "data": "no base64!"}
    file.write_text(json.dumps(exported))
    refused(file, "picture 000000000000…")


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format":' * 10_000, b"\x00" * 99],
)
def test_a_file_that_is_no_json_is_refused(refused: Any, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    refused(file, "not the JSON of a chat")


def test_a_file_that_was_cut_off_anywhere_is_refused(
    archive: Archive, chat: Chat, refused: Any, tmp_path: Path
) -> None:
    whole = archive.export(chat.id, tmp_path / "good.json", "json").read_bytes().rstrip()
    file = tmp_path / "cut.json"
    for length in range(1, len(whole), 97):
        file.write_bytes(whole[:length])
        refused(file, "chat|can't be imported")


def test_what_is_no_file_or_too_large_is_refused(
    refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(tmp_path / "absent.json", "No such file")
    refused(tmp_path, "is not a file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not a file")
    refused(Path("/dev/zero"), "is not a file")
    (tmp_path / "empty").touch()
    refused(tmp_path / "empty", "is empty")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(exported_file.MAX_BYTES + 1)  # a hole: it takes no space
    refused(tmp_path / "huge", "too large")


def test_nesting_without_end_is_refused(
    exported: dict[str, Any], refused: Any, tmp_path: Path
) -> None:
    file = tmp_path / "deep.json"
    exported["messages"][0]["stats"] = {"deep": "HERE"}
    file.write_text(json.dumps(exported).replace('"HERE"', "[" * 100_000 + "]" * 100_000))
    refused(file, "chat|can't be imported")
