"""No server and no variable can hang a pull, fill the disk, or end it without a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.disks import small_disk
from tests.models.hub import Handler, Hub, model_bytes, refuses
from tests.web import WebServer, sends
from vlmtui.errors import DiskFull, PullError, SettingsError, Unreachable, VlmtuiError
from vlmtui.models import gguf
from vlmtui.models.download.events import Event, Finished, Resolving
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.download.target import ImportWish
from vlmtui.net import addresses

REPOSITORY = "acme/Tiny-VL-GGUF"
MODEL = model_bytes()
QUICK = RetryPolicy(tries=2, first_tries=2, base_s=0.01, most_s=0.05, timeout_s=5)


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    """A Hub with one model, text only."""
    hub.put(REPOSITORY, tiny_Q4_K_M__gguf=MODEL)
    return hub


def pull(wanted: str = f"hf:{REPOSITORY}", policy: RetryPolicy = QUICK) -> list[Event]:
    return list(Pull(wanted, policy=policy).run())


def fails(wanted: str = f"hf:{REPOSITORY}", policy: RetryPolicy = QUICK) -> VlmtuiError:
    with pytest.raises(VlmtuiError) as caught:
        pull(wanted, policy)
    return caught.value


def endless(handler: Handler, content: bytes, offset: int) -> None:
    """An answer that begins well and never ends."""
    handler.send_response(200)
    handler.end_headers()
    _pour(handler, b'{"siblings": [' + b" " * 65_536)


def _pour(handler: Handler, piece: bytes) -> None:
    try:
        while not handler.hub.go_on.is_set():
            handler.wfile.write(piece)
            handler.hub.sent += len(piece)
    except OSError:
        handler.close_connection = True


def trickling(handler: Handler, content: bytes, offset: int) -> None:
    """Nothing but the rest of the file, a byte now and then."""
    handler.begin(content)
    try:
        while not handler.hub.go_on.wait(0.02):
            handler.wfile.write(content[offset : offset + 1])
            offset += 1
    except OSError:
        handler.close_connection = True


# ------------------------------------------------------------------------------------------- lists


def test_a_list_without_end_is_not_read(tiny: Hub) -> None:
    tiny.lists += [endless]
    assert "more than the 20,000,000 bytes" in fails().message
    assert tiny.sent < 60_000_000


def test_a_list_that_trickles_is_given_up(tiny: Hub) -> None:
    def slow(handler: Handler, content: bytes, offset: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        trickling_list = iter(b"[" * 100_000)
        while not handler.hub.go_on.wait(0.02):
            try:
                handler.wfile.write(bytes([next(trickling_list)]))
            except OSError:
                return

    tiny.lists += [slow, slow]
    error = fails(policy=RetryPolicy(first_tries=2, base_s=0.01, timeout_s=0.2))
    assert "it takes too long" in error.message


GOOD = {
    "sha": "c0ffee" + "0" * 34,
    "siblings": [{"rfilename": "a.gguf", "size": 5, "blobId": "1", "lfs": {"sha256": "2"}}],
}


def _file(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "siblings": [{"rfilename": "a.gguf", **fields}]}


SHAPES: list[Any] = [
    *(None, [], 1, "x", True, {}, [{}], {"siblings": None}, {"siblings": {}}, {"siblings": [1]}),
    *({"siblings": [None]}, {"siblings": [{}]}, {"siblings": [{"rfilename": 3}]}, _file()),
    *(_file(size=value) for value in (-1, "5", 1e300, 2**70, None, [], {}, 0.5)),
    *(_file(blobId=value) for value in (1, [], {}, "../../x", "", "x" * 10_000)),
    *(_file(lfs=value) for value in (1, [], {}, "x", {"sha256": 1}, {"sha256": "../x"})),
    *(_file(rfilename=value) for value in ("x" * 5000 + ".gguf", "a\0.gguf", "", "a/" * 999)),
    *({**GOOD, "sha": value} for value in (None, 1, "", "../..", "x" * 10_000, "main")),
    *({**GOOD, "cardData": value} for value in (None, [], "x", {"license": ["a"]})),
    *({**GOOD, "gated": value} for value in (None, "auto", 1, [], {})),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: json.dumps(shape)[:40])
def test_a_list_of_any_shape_is_taken_or_refused_in_words(tiny: Hub, shape: Any) -> None:
    def answer(handler: Handler, content: bytes, offset: int) -> None:
        handler.send(200, json.dumps(shape).encode(), {})

    tiny.lists += [answer]
    error = fails()  # there is no such file, whatever the list says
    assert error.message
    assert "Internal" not in error.message


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Linked-Size": "-5", "X-Linked-Etag": '"a"'},
        {"X-Linked-Size": "9" * 400, "X-Linked-Etag": '"a"'},
        {"X-Linked-Size": "5", "X-Linked-Etag": '"../../../etc/x"'},
        {"X-Linked-Size": "5", "X-Linked-Etag": "x" * 5000},
        {"Retry-After": "x"},
    ],
)
def test_what_the_hub_says_of_a_file_is_taken_or_refused_in_words(
    tiny: Hub, headers: dict[str, str], tmp_path: Path
) -> None:
    tiny.heads += [lambda handler, content, offset: handler.send(200, b"", headers)] * 3
    try:
        pull()
    except PullError as error:
        assert error.message
    assert not [path for path in tmp_path.rglob("*") if "etc" in path.parts]


# ------------------------------------------------------------------------------------------- files


def test_a_file_that_trickles_is_given_up(tiny: Hub) -> None:
    tiny.sends += [trickling] * 20
    policy = RetryPolicy(tries=2, base_s=0.01, timeout_s=5, slow_s=0.3)
    error = fails(policy=policy)
    assert isinstance(error, Unreachable)
    assert "hardly any data arrives" in error.message
    tiny.sends.clear()
    assert isinstance(pull()[-1], Finished)


def test_an_address_without_length_leaves_some_of_the_disk(
    tiny: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlmtui.models.download.transfer._LOOKED_EVERY", 100_000)
    server = WebServer()
    server.answers["/endless.gguf"] = sends(MODEL + bytes(30_000_000), length=-1)
    try:
        with small_disk(tmp_path / "disk", "20m") as disk:
            monkeypatch.setenv("VLMTUI_HOME", str(disk))
            assert isinstance(fails(server.url("/endless.gguf")), DiskFull)
            assert shutil.disk_usage(disk).free > 500_000
    finally:
        server.close()


def test_a_checkpoint_is_only_fetched_where_what_is_made_of_it_has_room(
    tiny: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors", reason="the extra awq is not installed")
    tiny.put("acme/checkpoint", config__json=b"{}", model__safetensors=bytes(3_000_000))
    with small_disk(tmp_path / "disk", "1m") as disk:
        monkeypatch.setenv("VLMTUI_HOME", str(disk))
        with pytest.raises(DiskFull, match=str(disk)):
            list(Pull("hf:acme/checkpoint", imports=ImportWish(), policy=QUICK).run())
    assert not tiny.of_kind("GET", "cdn")


# ------------------------------------------------------------------------------------ redirects


def test_no_request_is_led_from_the_web_into_the_own_network(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CDN is on localhost, the Hub on 127.0.0.1."""
    wanted = f"{tiny.url}/{REPOSITORY}/resolve/main/tiny_Q4_K_M.gguf"
    monkeypatch.setattr(addresses, "is_private", lambda url: "localhost" in url)
    assert "in your own network" in fails().message
    with pytest.raises(VlmtuiError, match="in your own network"):
        gguf.from_url(wanted)
    assert not tiny.of_kind("GET", "cdn")


# --------------------------------------------------------------------------------- environment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_HUB_ETAG_TIMEOUT", "abc"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "-1"),
        ("HF_TOKEN", "hf_ключ"),
        ("HUGGING_FACE_HUB_TOKEN", "hf_a\x07b"),
        ("HF_ENDPOINT", "garbage"),
        ("HF_ENDPOINT", "ftp://me:secret@hub"),
        ("ALL_PROXY", "gopher://me:secret@h:1"),
        ("SSL_CERT_FILE", "/absent.pem"),
    ],
)
def test_a_variable_that_means_nothing_is_named(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        list(Pull(f"hf:{REPOSITORY}").run())
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"
    assert not tiny.asked


def test_a_token_file_with_nonsense_in_it_is_named(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hf_ключ", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"/token has a token"):
        pull()


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_a_place_that_is_no_directory_is_named(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_TOKEN_PATH")
    monkeypatch.setenv(variable, "/dev/null")
    assert fails().message == f"{variable} points to /dev/null, which is not a directory"
    assert not tiny.asked


def test_the_time_that_the_environment_allows_is_waited(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(handler: Handler, content: bytes, offset: int) -> None:
        handler.hub.go_on.wait(60)

    tiny.lists += [silent] * 5
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.2")
    waiting = Pull(f"hf:{REPOSITORY}")
    with pytest.raises(Unreachable, match="silent"):
        list(waiting.run())
    assert waiting._policy.timeout_s == 0.2


# ------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("fault", [refuses(403), refuses(404), refuses(500), None])
def test_a_secret_in_an_address_is_told_nowhere(
    tiny: Hub, fault: Callable[[Handler, bytes, int], None] | None
) -> None:
    address = f"{tiny.cdn}/plain/{REPOSITORY}/none.gguf?X-Amz-Signature=secret"
    address = address.replace("http://", "http://me:secret@")
    told = []
    try:
        for event in Pull(address, policy=QUICK).run():
            told.append(str(event))
            if isinstance(event, Resolving):
                told.append(event.wanted)
    except VlmtuiError as error:
        told += [error.message, error.hint]
    assert "none.gguf" in "".join(told)
    assert "secret" not in "".join(told)
