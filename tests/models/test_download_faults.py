"""Downloads over networks that fail, from servers that err: the bytes are right in the end."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.disks import small_disk
from tests.models.hub import (
    Fault,
    Handler,
    Hub,
    cut_after,
    git_hash,
    model_bytes,
    refuses,
    says_length,
    spoiled,
    tower_bytes,
    web_page,
)
from vlmtui.errors import (
    AccessDenied,
    DamagedDownload,
    DiskFull,
    NothingToPull,
    NotTheFile,
    PullError,
    Unreachable,
)
from vlmtui.models import library, removal, search
from vlmtui.models.download import faults
from vlmtui.models.download.events import (
    Cancelled,
    Event,
    Finished,
    Progress,
    Resolved,
    Restarted,
    Started,
    Waiting,
)
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.net import failures

REPOSITORY = "acme/Tiny-VL-GGUF"
MODEL = model_bytes()
QUICK = RetryPolicy(tries=3, base_s=0.01, most_s=0.05, timeout_s=60)


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    """A Hub with one model, text only."""
    hub.put(REPOSITORY, tiny_Q4_K_M__gguf=MODEL)
    return hub


def pull(wanted: str = f"hf:{REPOSITORY}") -> list[Event]:
    return list(Pull(wanted, policy=QUICK).run())


def whole(events: list[Event], content: bytes = MODEL) -> bool:
    last = events[-1]
    return isinstance(last, Finished) and last.paths[0].read_bytes() == content


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def parts(folder: Path) -> list[Path]:
    return [*folder.rglob("*.incomplete"), *folder.rglob("*.part")]


# ------------------------------------------------------------------------------------------ cuts


@pytest.mark.parametrize("seed", range(5))
def test_a_line_cut_at_random_bytes_goes_on_where_it_was(tiny: Hub, seed: int) -> None:
    random = Random(seed)
    tiny.sends += [cut_after(random.randrange(1, 800_000)) for _ in range(6)]
    events = pull()
    assert whole(events)
    assert tiny.sent == len(MODEL), "nothing was sent twice"
    assert sum(isinstance(event, Waiting) for event in events) >= 3
    ranges = [asked.headers.get("range") for asked in tiny.of_kind("GET")]
    assert ranges[0] is None
    assert all(ranges[1:])


def test_a_line_that_never_sends_a_byte_is_given_up(tiny: Hub) -> None:
    tiny.sends += [cut_after(1000)] + [cut_after(0)] * 10
    with pytest.raises(Unreachable, match="the connection was cut"):
        pull()
    assert len(tiny.sends) < 10
    tiny.sends.clear()
    assert whole(pull())
    assert tiny.sent == len(MODEL)


def test_a_server_that_falls_silent_is_asked_again(tiny: Hub) -> None:
    tiny.hold_at = 1_000_000
    threading.Timer(0.8, lambda: setattr(tiny, "hold_at", None)).start()
    policy = RetryPolicy(base_s=0.01, timeout_s=0.3)
    events = list(Pull(f"hf:{REPOSITORY}", policy=policy).run())
    assert whole(events)
    assert any(isinstance(event, Waiting) and "silent" in event.reason for event in events)


def test_a_server_without_ranges_sends_it_from_the_beginning(tiny: Hub) -> None:
    tiny.ranges = False
    tiny.sends += [cut_after(500_000)]
    events = pull()
    assert whole(events)
    assert any(isinstance(event, Restarted) for event in events)


# --------------------------------------------------------------------------------- refusals, waits


def test_too_many_requests_are_waited_out_as_long_as_the_server_asks(tiny: Hub) -> None:
    tiny.lists += [refuses(429, Retry_After="0")]
    tiny.heads += [refuses(429, ratelimit='"api";r=0;t=0')]
    tiny.sends += [refuses(429, Retry_After="1")]
    began = time.monotonic()
    events = pull()
    assert time.monotonic() - began >= 1
    waits = [event for event in events if isinstance(event, Waiting)]
    assert [wait.seconds for wait in waits] == [0, 0, 1]
    assert {wait.reason for wait in waits} == {"too many requests"}
    assert whole(events)


@pytest.mark.parametrize("asked", ["lists", "heads", "sends"])
def test_a_wait_of_hours_is_an_error_in_place_of_a_wait(tiny: Hub, asked: str) -> None:
    getattr(tiny, asked).append(refuses(429, Retry_After="86400"))
    with pytest.raises(Unreachable, match="too many requests") as caught:
        pull()
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(tiny: Hub, status: int) -> None:
    for requests in (tiny.lists, tiny.heads, tiny.sends):
        requests += [refuses(status)]
    assert whole(pull())


def test_a_server_that_stays_in_trouble_is_given_up(tiny: Hub) -> None:
    tiny.lists += [refuses(503)] * 10
    with pytest.raises(Unreachable, match="503") as caught:
        pull()
    assert "later" in caught.value.hint


def test_a_gated_repository_says_where_to_accept_its_terms(tiny: Hub) -> None:
    tiny.gated.add(REPOSITORY)
    with pytest.raises(AccessDenied, match="accepted its terms and are logged in") as caught:
        pull()
    assert f"{tiny.url}/{REPOSITORY}" in caught.value.hint
    assert "hf auth login" in caught.value.hint
    assert "HF_TOKEN" in caught.value.hint


def test_a_token_opens_a_gated_repository_and_stays_with_the_hub(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.gated.add(REPOSITORY)
    tiny.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert whole(pull())
    assert all("authorization" in asked.headers for asked in tiny.of_kind("GET", "hub"))
    assert tiny.of_kind("GET")
    assert not any("authorization" in asked.headers for asked in tiny.of_kind("GET"))


def test_a_token_without_the_right_is_told_apart(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.gated.add(REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(AccessDenied) as caught:
        pull()
    assert "the account that your token belongs to" in caught.value.hint
    assert "hf_other" not in f"{caught.value.message} {caught.value.hint}"


def test_what_the_hub_says_of_a_token_is_told(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    wants = "Please enable access to public gated repositories for hf_other\x1b[2J"
    tiny.heads += [refuses(403, X_Error_Code="GatedRepo", X_Error_Message=wants)]
    with pytest.raises(AccessDenied) as caught:
        pull()
    assert "enable access to public gated repositories" in caught.value.hint
    assert "\x1b" not in caught.value.hint
    assert "hf_other" not in caught.value.hint
    tiny.lists += [refuses(401, X_Error_Message="Invalid credentials in Authorization header")]
    with pytest.raises(AccessDenied, match="doesn't know your token"):
        pull()


def test_a_repository_that_was_closed_is_told(tiny: Hub) -> None:
    tiny.lists += [refuses(403, X_Error_Message="Access to this resource is disabled.")]
    with pytest.raises(NothingToPull, match="closed by the Hub"):
        pull()


def test_a_missing_repository_names_those_that_are_alike(tiny: Hub) -> None:
    with pytest.raises(NothingToPull, match="no repository acme/Tiny-VLM-GGUF") as caught:
        pull("hf:acme/Tiny-VLM-GGUF")
    assert REPOSITORY in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_missing_file_names_those_that_are_there(tiny: Hub) -> None:
    with pytest.raises(NothingToPull, match="no model like") as caught:
        pull(f"hf:{REPOSITORY}:tiny_Q5_K_M.gguf")
    assert "tiny_Q4_K_M.gguf" in caught.value.hint


def test_a_missing_revision_is_told(tiny: Hub) -> None:
    with pytest.raises(NothingToPull, match="no such branch"):
        pull(f"hf:{REPOSITORY}@v2")


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("qwen2.5-vl-3", "qwen2.5-vl-3b"), ("no such model", "hf:"), ("ftp://h/m.gguf", "https")],
)
def test_what_means_nothing_is_told(wanted: str, hint: str) -> None:
    with pytest.raises(NothingToPull) as caught:
        Pull(wanted)
    assert hint in caught.value.hint


# --------------------------------------------------------------------------------------- no network


def test_offline_nothing_is_asked(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        pull()
    assert not tiny.asked


def test_offline_what_is_here_is_found(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert whole(pull())
    asked = len(tiny.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert whole(pull())
    assert len(tiny.asked) == asked


def test_without_a_network_one_is_told_what_to_check(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(Unreachable, match=r"^127\.0\.0\.1:9 can't be reached") as caught:
        pull()
    assert "HF_ENDPOINT is http://127.0.0.1:9" in caught.value.hint
    assert "through the proxy in HTTPS_PROXY, unless NO_PROXY has it." in caught.value.hint


def test_a_proxy_that_refuses_is_told_without_its_password(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tiny.url.rpartition(":")[2]
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, f"http://me:secret@127.0.0.1:{port}")
    tiny.lists += [refuses(407)]
    for endpoint in ("http://hub.invalid", "https://hub.invalid"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(Unreachable, match="The proxy refused") as caught:
            pull()
        scheme = endpoint.partition(":")[0].upper()
        assert f"Check {scheme}_PROXY" in caught.value.hint
        assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_proxy_is_used_for_all_requests(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", tiny.url)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    tiny.cdn = "http://cdn.invalid/plain"
    assert whole(pull())
    assert {urlsplit(asked.path).hostname for asked in tiny.asked} == {"hub.invalid", "cdn.invalid"}


def test_a_certificate_that_is_not_trusted_asks_for_the_clock() -> None:
    said = (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid "
        "(_ssl.c:1006)"
    )
    fault = faults.of(failures.of(httpx2.ConnectError(said)), "acme/Tiny")
    assert fault.error.message.endswith("not trusted: certificate is not yet valid")
    assert "`date`" in fault.error.hint
    assert not fault.again


# ------------------------------------------------------------------------------------ wrong content


def test_a_page_in_place_of_the_list_is_told(tiny: Hub) -> None:
    tiny.lists += [web_page]
    with pytest.raises(NotTheFile) as caught:
        pull()
    assert "browser" in caught.value.hint


def test_a_page_in_place_of_the_file_costs_nothing_that_was_kept(tiny: Hub) -> None:
    tiny.sends += [cut_after(1_000_000), web_page]
    with pytest.raises(NotTheFile, match="a web page came instead of the file"):
        pull()
    assert whole(pull())
    assert tiny.sent == len(MODEL)


def test_a_wrong_hash_is_fetched_once_more(tiny: Hub) -> None:
    tiny.sends += [spoiled]
    events = pull()
    assert whole(events)
    (restarted,) = [event for event in events if isinstance(event, Restarted)]
    assert "hash" in restarted.reason


def test_a_hash_that_stays_wrong_is_refused(tiny: Hub, tmp_path: Path) -> None:
    tiny.sends += [spoiled, spoiled]
    with pytest.raises(DamagedDownload, match="hash"):
        pull()
    assert not parts(tmp_path)
    assert not list(tmp_path.rglob("*.gguf"))


def test_spoiled_bytes_of_an_older_download_are_found(tiny: Hub, tmp_path: Path) -> None:
    tiny.sends += [cut_after(1_000_000), refuses(403)]
    with pytest.raises(PullError):
        pull()
    (part,) = parts(tmp_path)
    part.write_bytes(bytes([part.read_bytes()[0] ^ 1]) + part.read_bytes()[1:])
    assert whole(pull())


def test_a_wrong_length_is_never_taken(tiny: Hub) -> None:
    tiny.sends += [says_length(len(MODEL) - 1000)] * 2
    assert whole(pull())


def test_a_file_that_grows_while_it_comes_is_refused(tiny: Hub) -> None:
    longer = MODEL + b"more"

    def more(handler: Handler, content: bytes, offset: int) -> None:
        handler.begin(longer)
        handler.body(longer, offset)

    tiny.sends += [more] * 20
    with pytest.raises(PullError, match="more came"):
        pull()


def test_small_files_in_git_itself_are_compared_too(hub: Hub) -> None:
    content = model_bytes(200_000)
    hub.put(REPOSITORY, small__gguf=content)
    hub.small.add("small.gguf")
    hub.sends += [spoiled]
    events = pull()
    assert whole(events, content)
    assert any(isinstance(event, Restarted) for event in events)
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.paths[0].resolve().name == git_hash(content)


# --------------------------------------------------------------------------------- other addresses


def test_an_address_goes_to_our_own_directory(tiny: Hub, home: Path) -> None:
    tiny.put(REPOSITORY, mmproj__gguf=tower_bytes())
    wanted = f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf"
    tower = f"{tiny.cdn}/plain/{REPOSITORY}/mmproj.gguf"
    tiny.sends += [cut_after(100_000), cut_after(200_000)]
    events = list(Pull(wanted, mmproj=tower, policy=QUICK).run())
    assert whole(events)
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert all(path.is_relative_to(home / "data" / "models") for path in finished.paths)
    assert not parts(home)
    assert list(Pull(wanted, mmproj=tower, policy=QUICK).run())[-1] == Finished(
        finished.name, finished.paths, 0
    )


def test_deleting_what_came_from_an_address_leaves_nothing(tiny: Hub, home: Path) -> None:
    done = pull(f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf")[-1]
    assert isinstance(done, Finished)
    removal.carry_out(removal.plan(search.by_name(done.name), []))
    assert not [path for path in (home / "data" / "models").rglob("*") if path.is_file()]


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
def test_an_address_goes_on_in_another_process_where_it_was(tiny: Hub, validator: str) -> None:
    tiny.validator = validator
    wanted = f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf"
    tiny.sends += [cut_after(1_000_000), refuses(404)]
    with pytest.raises(NothingToPull):
        pull(wanted)
    sent = tiny.sent
    assert whole(pull(wanted))
    assert tiny.sent - sent < len(MODEL) - 900_000


def test_bytes_that_nobody_can_tell_from_others_are_not_kept(tiny: Hub) -> None:
    tiny.validator = ""
    wanted = f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf"
    tiny.sends += [cut_after(1_000_000), refuses(404)]
    with pytest.raises(NothingToPull):
        pull(wanted)
    other = model_bytes(seed=9)
    tiny.put(REPOSITORY, tiny_Q4_K_M__gguf=other)
    assert whole(pull(wanted), other)


def test_an_address_whose_content_changed_begins_anew(tiny: Hub) -> None:
    wanted = f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf"
    other = model_bytes(seed=9)
    tiny.sends += [cut_after(1_000_000), refuses(404)]
    with pytest.raises(NothingToPull):
        pull(wanted)
    tiny.put(REPOSITORY, tiny_Q4_K_M__gguf=other)
    assert whole(pull(wanted), other)


def test_an_address_whose_content_changes_in_the_middle_begins_anew(tiny: Hub) -> None:
    other = model_bytes(seed=9)

    def change(handler: Handler, content: bytes, offset: int) -> None:
        tiny.put(REPOSITORY, tiny_Q4_K_M__gguf=other)
        handler.begin(content)
        handler.body(content, offset, offset + 1_000_000)

    tiny.sends += [change]
    events = pull(f"{tiny.cdn}/plain/{REPOSITORY}/tiny_Q4_K_M.gguf")
    assert whole(events, other)
    assert any(isinstance(event, Restarted) and "changed" in event.reason for event in events)


def test_an_address_of_a_page_is_told(tiny: Hub) -> None:
    tiny.put(REPOSITORY, page__gguf=b"<!doctype html><html>" * 50)
    with pytest.raises(NotTheFile, match="a web page"):
        pull(f"{tiny.cdn}/plain/{REPOSITORY}/page.gguf")


def test_what_an_address_keeps_secret_is_not_shown(tiny: Hub) -> None:
    with pytest.raises(NothingToPull) as caught:
        pull(f"{tiny.cdn}/plain/{REPOSITORY}/none.gguf?Signature=secret")
    assert "secret" not in caught.value.message


# --------------------------------------------------------------------------------- cancel, disks


def test_a_cancel_in_the_middle_keeps_what_came(tiny: Hub, tmp_path: Path) -> None:
    tiny.hold_at = 1_000_000
    running = Pull(f"hf:{REPOSITORY}", policy=RetryPolicy(timeout_s=60))
    events: list[Event] = []
    thread = threading.Thread(target=lambda: events.extend(running.run()))
    thread.start()
    assert tiny.holding.wait(20)
    wait_for(lambda: sum(part.stat().st_size for part in parts(tmp_path)) > 1_000_000)
    running.cancel()
    thread.join(10)
    assert not thread.is_alive(), "it waits for the server although it was cancelled"
    last = events[-1]
    assert isinstance(last, Cancelled)
    assert 1_000_000 < last.kept <= 1_000_000 + 65_536
    tiny.hold_at = None
    events = pull()
    assert whole(events)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.done == last.kept


def test_a_cancel_ends_a_wait_at_once(tiny: Hub) -> None:
    tiny.lists += [refuses(429, Retry_After="600")]
    running = Pull(f"hf:{REPOSITORY}")
    for event in running.run():
        if isinstance(event, Waiting):
            running.cancel()
    assert isinstance(event, Cancelled)


def test_nothing_is_fetched_before_the_plan_was_looked_at(tiny: Hub) -> None:
    running = Pull(f"hf:{REPOSITORY}")
    for event in running.run():
        if isinstance(event, Resolved):
            running.cancel()
    assert isinstance(event, Cancelled)
    assert not tiny.of_kind("GET")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache on a disk of 2 MB."""
    with small_disk(tmp_path / "disk", "2m") as disk:
        monkeypatch.setenv("HF_HUB_CACHE", str(disk / "hub"))
        yield disk


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_fetched(tiny: Hub, small: Path) -> None:
    with pytest.raises(DiskFull, match=r"3\.0 MB are needed") as caught:
        pull()
    assert 900_000 < caught.value.missing < 1_200_000
    assert "HF_HUB_CACHE" in caught.value.hint
    assert not tiny.of_kind("GET")


def test_a_disk_that_fills_on_the_way_keeps_what_came(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put(REPOSITORY, tiny_Q4_K_M__gguf=MODEL)
    with small_disk(tmp_path / "disk", "4m") as disk:
        monkeypatch.setenv("HF_HUB_CACHE", str(disk / "hub"))
        ballast = disk / "ballast"
        with pytest.raises(DiskFull) as caught:
            for event in Pull(f"hf:{REPOSITORY}", policy=QUICK).run():
                if isinstance(event, Started):
                    ballast.write_bytes(bytes(3_000_000))
        assert "What came is kept" in caught.value.hint
        (part,) = parts(disk)
        kept = part.stat().st_size
        assert kept > 0
        ballast.unlink()
        assert whole(pull())
        # not by what was sent: the first answer may still be on its way into closed sockets
        assert hub.of_kind("GET")[-1].headers["range"] == f"bytes={kept}-"


def test_space_that_others_take_is_seen_before_the_disk_is_full(
    tiny: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlmtui.models.download.transfer._LOOKED_EVERY", 200_000)
    with small_disk(tmp_path / "disk", "4m") as disk:
        monkeypatch.setenv("HF_HUB_CACHE", str(disk / "hub"))
        with pytest.raises(DiskFull, match="are free"):
            for event in Pull(f"hf:{REPOSITORY}", policy=QUICK).run():
                if isinstance(event, Started):
                    (disk / "ballast").write_bytes(bytes(2_000_000))
        assert shutil.disk_usage(disk).free > 1_000_000


def test_a_cache_that_can_not_be_written_is_told(
    tiny: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    repository.parent.mkdir()
    repository.write_bytes(b"")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(PullError, match="can't be written") as caught:
        pull()
    assert "HF_HUB_CACHE" in caught.value.hint


def test_a_disk_without_links_gets_the_file_itself(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as FAT says

    monkeypatch.setattr(Path, "symlink_to", refuse)
    events = pull()
    assert whole(events)
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert not finished.paths[0].is_symlink()
    assert pull()[-1] == Finished(finished.name, finished.paths, 0)
    assert library.resolve(finished.name).path == finished.paths[0]


# ------------------------------------------------------------------------------------- all together


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_the_bytes_are_right_after_any_row_of_faults(tiny: Hub, seed: int) -> None:
    random = Random(seed)
    faults: list[Fault] = [
        cut_after(random.randrange(1, 900_000)),
        cut_after(0),
        refuses(503),
        refuses(429, Retry_After="0"),
        spoiled,
        says_length(random.randrange(1, 2_000_000)),
        web_page,
    ]
    tiny.sends += [random.choice(faults) for _ in range(12)]
    for _ in itertools.count():
        try:
            events = pull()
        except PullError:
            continue
        break
    assert whole(events)
    assert hashlib.sha256(MODEL).hexdigest() == events[-1].paths[0].resolve().name


def test_several_downloads_run_at_once(hub: Hub) -> None:
    contents = [model_bytes(seed=seed) for seed in range(4)]
    for number, content in enumerate(contents):
        hub.put(f"acme/Model-{number}-GGUF", model__gguf=content)
    results: dict[int, list[Event]] = {}

    def run(number: int) -> None:
        results[number] = pull(f"hf:acme/Model-{number}-GGUF")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(whole(results[number], content) for number, content in enumerate(contents))


def test_two_downloads_of_one_model_fetch_it_once(tiny: Hub) -> None:
    tiny.hold_at = 500_000
    results: list[list[Event]] = []
    threads = [threading.Thread(target=lambda: results.append(pull())) for _ in range(2)]
    threads[0].start()
    assert tiny.holding.wait(20)
    second = Pull(f"hf:{REPOSITORY}", policy=QUICK)
    seen: list[Event] = []
    for event in second.run():
        seen.append(event)
        if isinstance(event, Progress) and not tiny.go_on.is_set():
            tiny.go_on.set()  # the other one's progress was shown
    threads[0].join(20)
    assert any(isinstance(event, Waiting) and "another" in event.reason for event in seen)
    assert whole(seen)
    assert whole(results[0])
    assert tiny.sent == len(MODEL)
