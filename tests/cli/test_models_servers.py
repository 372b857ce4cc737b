"""Models that servers run, from the command line: added, listed, asked, forgotten."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, lines
from tests.openai_server import Exchange, OpenAIServer, words
from vlmtui import demo

SAMPLE = demo.sample_images()[0]


def play(exchange: Exchange) -> None:
    if exchange.headers["Authorization"] not in (None, "Bearer sk-good"):
        exchange.refuse(401, {"error": {"message": "no such key"}})
    else:
        exchange.stream(*words("Two", " shapes.", usage={"completion_tokens": 2}))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    made = OpenAIServer(play, models={"data": [{"id": "llava"}, {"id": "Qwen/Qwen2.5-VL-7B"}]})
    yield made
    made.close()


def test_the_models_of_a_server_are_asked_by_their_names(run: Run, server: OpenAIServer) -> None:
    added = run("models", "add", "--endpoint", server.url, "--name", "board")
    assert added.out.splitlines() == ["board/llava", "board/Qwen/Qwen2.5-VL-7B"]
    ended = run("ask", "--model", "board/qwen", "--image", str(SAMPLE), "How many?")
    assert (ended.code, ended.out) == (0, "Two shapes.\n")
    (asked,) = server.asked
    assert asked["model"] == "Qwen/Qwen2.5-VL-7B"
    assert [part["type"] for part in asked["messages"][-1]["content"]] == ["image_url", "text"]


def test_models_of_gemini_have_the_names_that_its_documentation_gives_them(
    run: Run, server: OpenAIServer
) -> None:
    listed = "models/gemini-3-flash"
    server.answers["/v1/models"] = {
        "data": [{"id": listed, "object": "model", "owned_by": "google"}]
    }
    added = run("models", "add", "--endpoint", server.url, "--name", "all")
    assert added.out.splitlines() == ["all/gemini-3-flash"]
    added = run(
        *("models", "add", "--endpoint", server.url, "--model", "gemini-3-flash", "--name", "g")
    )
    assert (added.code, run("ask", "--model", "g", "What?").out) == (0, "Two shapes.\n")


def test_they_stand_in_the_lists_and_are_told_of(run: Run, server: OpenAIServer) -> None:
    run("models", "add", "--endpoint", server.url, "--name", "board")
    told = run("models", "--here").out
    assert "On servers" in told
    assert "board/llava" in told
    listed = json.loads(run("models", "--json").out)["models"]
    (one,) = [each for each in listed if each["name"] == "board/llava"]
    assert (one["server"], one["installed"], one["fits"]) == (server.url, False, None)
    info = run("models", "info", "board/llava").out
    assert "is sent to 127.0.0.1" in info


def test_one_that_is_forgotten_is_gone_with_all_its_models(run: Run, server: OpenAIServer) -> None:
    run("models", "add", "--endpoint", server.url, "--name", "board", "--model", "llava")
    assert run("ask", "--model", "board", "What?").out == "Two shapes.\n"
    assert "board is the default now" in run("models", "default", "board").out
    assert run("ask", "What?").out == "Two shapes.\n"
    assert "no longer listed" in run("models", "rm", "board").out
    ended = run("ask", "--model", "board", "What?")
    assert ended.code == 2
    assert "There is no model named 'board'" in ended.err


def test_a_key_comes_from_where_it_was_said_to_be_and_is_kept_nowhere(
    run: Run, server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text("sk-good\n")
    key.chmod(0o644)
    add = ("models", "add", "--endpoint", server.url, "--name", "board")
    assert "Others can read the key" in run(*add, "--api-key-file", str(key)).err
    key.chmod(0o600)
    assert run(*add, "--api-key-file", str(key)).code == 0
    assert run("ask", "--model", "board/llava", "What?").out == "Two shapes.\n"
    assert run(*add, "--api-key-env", "BOARD_KEY").code == 2
    monkeypatch.setenv("BOARD_KEY", "sk-bad-but-secret")
    assert run(*add, "--api-key-env", "BOARD_KEY").code == 0
    ended = run("ask", "--model", "board/llava", "What?")
    assert "doesn't accept the key it was sent: no such key" in ended.err
    kept = [each for each in tmp_path.rglob("*") if each.is_file() and each != key]
    assert kept
    for file in kept:
        assert b"sk-good" not in file.read_bytes()
        assert b"sk-bad" not in file.read_bytes()


def test_a_server_of_this_machine_is_offered_and_added_when_a_model_of_it_is_named(
    run: Run, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.url.rpartition(":")[2].removesuffix("/v1")
    assert f"localhost:{port}" not in run("models", "--here").out
    monkeypatch.setenv("VLMTUI_SERVER_PORTS", f"1 {port}")
    name = f"localhost:{port}/llava"
    told = run("--plain", stdin=lines("/models localhost", f"/models info {name}"))
    assert f"{name}: on 127.0.0.1:{port}, found" in told.out
    offered = next(row for row in run("models", "--here").out.splitlines() if name in row)
    assert offered.endswith("found, added when it is used")
    assert server.asked == []
    assert "Switched to localhost" in run("--plain", stdin=lines(f"/model {name}", "Hi")).err
    assert len(server.asked) == 1
    row = next(row for row in run("models", "--here").out.splitlines() if name in row)
    assert "found" not in row
    monkeypatch.setenv("VLMTUI_SERVER_PORTS", "0")
    assert run("ask", "--model", name, "What?").out == "Two shapes.\n"


def test_what_listens_at_such_a_port_and_is_no_such_server_is_left_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("VLMTUI_SERVER_PORTS", str(silent.getsockname()[1]))
        assert run("models", "--here").code == 0
    monkeypatch.setenv("VLMTUI_SERVER_PORTS", "http")
    assert "which are not port numbers" in run("models", "--here").err


def elsewhere(run: Run, server: OpenAIServer, *, default: bool = False) -> None:
    """The server by an address that is not known to be this machine's own."""
    url = server.url.replace("127.0.0.1", "0.0.0.0")
    assert run("models", "add", "--endpoint", url, "--name", "far").code == 0
    if default:
        assert run("models", "default", "far/llava").code == 0


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("ask", "--image", str(SAMPLE), "What?"), b""),
        (("bench", "--quick"), b""),
        (("--plain",), b"What?\n"),
    ],
)
def test_nothing_leaves_this_machine_before_the_user_has_agreed(
    run: Run, server: OpenAIServer, arguments: tuple[str, ...], stdin: bytes
) -> None:
    elsewhere(run, server, default=True)
    refused = run(*arguments, stdin=stdin)
    assert refused.code == 2
    assert "runs on 0.0.0.0:" in refused.err
    assert "`vlmtui models agree far` allows that" in refused.err
    assert server.asked == []
    assert "may go to 0.0.0.0:" in run("models", "agree", "far").out
    assert run(*arguments, stdin=stdin).code == 0
    elsewhere(run, server)  # its models are listed anew
    assert run(*arguments, stdin=stdin).code == 0
    assert server.asked


def test_a_comparison_asks_about_each_machine_that_it_sends_the_chat_to(
    run: Run, server: OpenAIServer
) -> None:
    elsewhere(run, server)
    refused = run("--plain", stdin=lines("/compare demo far/llava What?", "n"))
    assert "Send this chat and its pictures to 0.0.0.0:" in refused.err
    assert "Nothing was asked" in refused.err
    assert server.asked == []
    agreed = run("--plain", stdin=lines("/compare demo far/llava What?", "y"))
    assert "Two shapes." in agreed.out


def test_only_what_a_server_tells_is_measured(run: Run, server: OpenAIServer) -> None:
    run("models", "add", "--endpoint", server.url, "--name", "board")
    told = run("bench", "--quick", "--model", "board/llava").out
    assert "| runs on" in told
    assert "first token, s" in told
    for unknown in ("weights", "prefill", "encode", "peak memory", "processor   "):
        assert unknown not in told
    assert all(asked["temperature"] <= 2 for asked in server.asked)
    assert any(len(asked["messages"][0]["content"]) > 300 * 5 for asked in server.asked)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ask", "--ctx", "512", "What?"), "a server, which manages its context"),
        (("ask", "--template", "chatml", "What?"), "runs on a server: there are no files"),
        (("ask", "--mmproj", "x.gguf", "What?"), "runs on a server: there are no files"),
    ],
)
def test_what_only_files_have_is_refused_in_words(
    run: Run, server: OpenAIServer, arguments: tuple[str, ...], told: str
) -> None:
    run("models", "add", "--endpoint", server.url, "--name", "board")
    ended = run(arguments[0], "--model", "board/llava", *arguments[1:])
    assert ended.code == 2
    assert told in ended.err
    assert "runs on a server" in run("models", "path", "board/llava").err


@pytest.mark.parametrize(
    ("words_given", "told"),
    [
        (["--endpoint", "ftp://board"], "is not a server address"),
        (["--endpoint", "http://8.8.8.8"], "others could read what is sent to http://8.8.8.8/v1"),
        (["--endpoint", "http://me:secret@board"], "A key doesn't belong in the address"),
        (
            ["--endpoint", "http://board/v1?key=secret"],
            "http://board/v1 can't have more than a path",
        ),
        (["--endpoint", "http://127.0.0.1:1"], "127.0.0.1:1 can't be reached"),
        (["--endpoint", "URL", "--name", "a/b"], "can't be called"),
        (["--endpoint", "URL", "--name", "demo"], "can't be called"),
        (["--endpoint", "URL", "--name", "x" * 256], "255 characters at most"),
        (["--endpoint", "URL", "--model", "gpt"], "has no model gpt"),
        (["--endpoint", "URL/nothing"], "lists no models"),
        (["--endpoint", "URL", "x.gguf"], "or --endpoint URL, not both"),
        (["x.gguf", "--api-key-env", "A"], "go with --endpoint"),
        ([], "Give the path of a .gguf file or --endpoint URL."),
    ],
)
def test_what_cant_be_added_says_why(
    run: Run, server: OpenAIServer, words_given: list[str], told: str
) -> None:
    ended = run("models", "add", *(each.replace("URL", server.url) for each in words_given))
    assert ended.code != 0
    assert told in ended.err
    assert "secret" not in ended.err
