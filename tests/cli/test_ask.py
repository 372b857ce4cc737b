"""`vlmtui ask` as a person or a script runs it: the real engine, the demo model, a subprocess."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.conftest import PROGRAM, Run

STATS = {
    "prompt_tokens",
    "reused_tokens",
    "image_tokens",
    "generated_tokens",
    "thought_tokens",
    "thought_s",
    "load_s",
    "encode_s",
    "prefill_s",
    "time_to_first_token_s",
    "network_s",
    "prefill_tokens_per_s",
    "decode_tokens_per_s",
    "context_used",
    "context_size",
}
GREEDY = ("--temperature", "0", "--max-tokens", "40")


@pytest.mark.trained
def test_answers_about_a_picture(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("red circle at left")
    ended = run("ask", *GREEDY, "--image", image, "What color is the circle?")
    assert ended.code == 0
    assert "red" in ended.out.lower()
    assert ended.out.endswith("\n")
    assert ended.err == ""


@pytest.mark.trained
def test_a_part_of_a_picture_is_all_that_is_seen(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("red circle at left", "blue star at right")
    ended = run("ask", *GREEDY, "--json", "--image", f"{image}[0,0,50%,100%]", "What is this?")
    told = json.loads(ended.out)
    assert "red" in told["text"] and "blue" not in told["text"]
    (seen,) = told["images"]
    assert seen["path"].endswith(f".png[0,0,{seen['width']},{seen['height']}]")
    ended = run("ask", "--image", f"{image}[0,0,9999,1]", "What is this?")
    assert ended.code == 2 and "reaches beyond" in ended.err


def test_a_file_whose_name_ends_in_brackets_goes_before(
    run: Run, picture: Callable[..., Path]
) -> None:
    plain = picture("red circle at left", name="a.png")
    odd = plain.with_name("a.png[0,0,8,8]")
    odd.write_bytes(plain.read_bytes())
    told = json.loads(run("ask", *GREEDY, "--json", "--image", odd, "What is this?").out)
    assert told["images"][0]["width"] > 8


@pytest.mark.trained
def test_a_picture_is_named_by_its_address(run: Run, picture: Callable[..., Path]) -> None:
    path = picture("red circle at left", name="it's a scene.png")
    ended = run("ask", "--image", f"file://{quote(str(path))}", "What is this?")
    assert (ended.code, ended.err) == (0, "")
    assert "circle" in ended.out


def test_tells_two_pictures_apart(run: Run, picture: Callable[..., Path]) -> None:
    first = picture("red circle at center", name="first.png")
    second = picture("blue circle at center", name="second.png")
    question = "What color is the circle in the second image?"
    ended = run("ask", *GREEDY, "--image", first, "--image", second, question)
    assert "blue" in ended.out.lower()


@pytest.mark.trained
def test_follow_ups_are_about_the_same_picture(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("green star at top")
    ended = run(
        "ask", *GREEDY, "--image", image, "What shape is green?",
        "--then", "What color is the star?", "--then", "How many shapes are there?",
    )  # fmt: skip
    first, second, third = ended.out.strip().lower().split("\n\n")
    assert "star" in first
    assert "green" in second
    assert "one" in third or "1" in third


def test_json_is_one_object_with_the_documented_keys(
    run: Run, picture: Callable[..., Path]
) -> None:
    image = picture("red circle at left", size=(200, 100))
    ended = run("ask", *GREEDY, "--json", "--image", image, "Describe the image.")
    assert ended.code == 0
    answer = json.loads(ended.out)
    assert set(answer) == {
        *("text", "thought", "model", "finish_reason", "images", "stats"),
        *("trimmed", "changed", "notices"),
    }
    assert answer["model"] == "demo"
    assert answer["finish_reason"] in ("stop", "length")
    (seen,) = answer["images"]
    assert set(seen) == {"path", "width", "height", "tokens", "encode_s", "scaled_to"}
    assert (seen["path"], seen["width"], seen["height"]) == (str(image), 200, 100)
    assert seen["encode_s"] > 0
    stats = answer["stats"]
    assert set(stats) == STATS
    assert stats["image_tokens"] == seen["tokens"] > 0
    assert stats["prompt_tokens"] > stats["image_tokens"]
    assert 0 < stats["generated_tokens"] <= 40
    assert stats["context_used"] <= stats["context_size"]
    assert stats["load_s"] > 0


def test_json_of_follow_ups_shows_the_cache_at_work(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("red circle at left")
    ended = run("ask", *GREEDY, "--json", "--image", image, "Describe it.", "--then", "And now?")
    first, second = json.loads(ended.out)
    assert first["stats"]["reused_tokens"] == 0
    read = first["stats"]["prompt_tokens"]
    assert second["stats"]["reused_tokens"] >= read
    assert second["images"][0]["tokens"] == first["images"][0]["tokens"]
    assert second["images"][0]["encode_s"] == 0
    assert second["stats"]["encode_s"] == 0
    assert second["stats"]["load_s"] == 0


def test_one_seed_gives_one_answer(run: Run, endless: Path) -> None:
    hot = ("--model", endless, "--temperature", "2", "--max-tokens", "20")
    first, again, other = (run("ask", *hot, "--seed", seed, "Hello") for seed in ("7", "7", "8"))
    assert first.out == again.out != other.out


def test_max_tokens_ends_the_answer(run: Run, endless: Path) -> None:
    ended = run("ask", "--model", endless, "--max-tokens", "5", "--json", "Go on")
    answer = json.loads(ended.out)
    assert answer["finish_reason"] == "length"
    assert answer["stats"]["generated_tokens"] == 5
    assert answer["model"] == endless.stem


def test_ctx_bounds_the_conversation(run: Run, endless: Path) -> None:
    ended = run("ask", "--model", endless, "--ctx", "256", "--json", "Go on")
    answer = json.loads(ended.out)
    assert answer["finish_reason"] == "context"
    assert answer["stats"]["context_size"] == 256


def test_system_prompt_is_part_of_the_prompt(run: Run) -> None:
    bare, led = (
        json.loads(run("ask", *GREEDY, "--json", *system, "Hello").out)["stats"]["prompt_tokens"]
        for system in ((), ("--system", "Be brief and kind."))
    )
    assert led > bare


def test_the_prompt_comes_from_standard_input(run: Run) -> None:
    typed = run("ask", *GREEDY, "What are you? Ünïcödé 🙂")
    piped = run("ask", *GREEDY, "-", stdin="What are you? Ünïcödé 🙂\n".encode())
    assert piped.code == 0
    assert piped.out == typed.out
    unnamed = run("ask", *GREEDY, stdin="What are you? Ünïcödé 🙂\n".encode())
    assert unnamed.out == typed.out


def test_a_text_that_is_piped_in_stands_before_the_prompt(run: Run) -> None:
    whole = run("ask", *GREEDY, "--json", "red\ncircle\n\nWhat are you?")
    piped = run("ask", *GREEDY, "--json", "What are you?", stdin=b"red\ncircle\n")
    counts = [json.loads(ended.out)["stats"]["prompt_tokens"] for ended in (whole, piped)]
    assert counts[0] == counts[1]
    nothing = run("ask", *GREEDY, "--json", "What are you?")
    assert json.loads(nothing.out)["stats"]["prompt_tokens"] < counts[0]


def test_a_pipe_that_nobody_writes_to_is_not_waited_for_in_silence() -> None:
    reading, writing = os.pipe()  # as ssh and services hold them open
    with os.fdopen(reading), os.fdopen(writing):
        ended = subprocess.run(
            [*PROGRAM, "ask", *GREEDY, "What are you?"],
            stdin=reading,
            capture_output=True,
            timeout=120,
        )
    assert ended.returncode == 0
    assert b"demo model" in ended.stdout
    assert b"nothing has come on standard input" in ended.stderr


def test_the_output_of_a_slow_program_is_waited_for() -> None:
    slow = "sleep 3; echo red circle"
    ask = shlex.join([*PROGRAM, "ask", *GREEDY, "--json", "What are you?"])
    done = subprocess.run(["sh", "-c", f"({slow}) | {ask}"], capture_output=True, timeout=120)
    assert done.returncode == 0
    assert b"nothing has come" not in done.stderr
    assert json.loads(done.stdout)["stats"]["prompt_tokens"] > 8


@pytest.mark.trained
def test_a_saved_question_is_gone_on_with_and_is_a_chat(
    run: Run, picture: Callable[..., Path]
) -> None:
    nothing = run("ask", "-c", "And what color?")
    assert nothing.code == 2
    assert "no saved question to continue" in nothing.err
    image = picture("red circle at left")
    assert run("ask", *GREEDY, "What are you?").code == 0
    assert run("chats", "list", "--json").out == "[]\n"
    first = run("ask", *GREEDY, "--save", "-s", "Be brief", "-i", image, "What shapes are there?")
    assert first.code == 0
    image.unlink()  # the chat has a copy
    second = run("ask", *GREEDY, "-c", "What color is the circle?", "--then", "Where is it?")
    assert "red" in second.out
    (chat,) = json.loads(run("chats", "list", "--json").out)
    assert (chat["title"], chat["messages"]) == ("What shapes are there? · scene.png", 6)
    told = run("--plain", "--continue", stdin=b"/system\n")
    assert "Be brief" in told.err
    other = run("ask", *GREEDY, "--save", "What are you?")
    assert other.code == 0
    assert len(json.loads(run("chats", "list", "--json").out)) == 2
    assert run("chats", "rm", 2).code == 0
    assert run("ask", "-c", "And?").code == 2


def test_a_picture_is_never_taken_for_text(run: Run, picture: Callable[..., Path]) -> None:
    ended = run("ask", "What is it?", stdin=picture("red circle at left").read_bytes())
    assert ended.code == 2
    assert "`--image -`" in ended.err


@pytest.mark.trained
def test_pictures_can_be_named_before_and_behind_the_prompt(
    run: Run, picture: Callable[..., Path]
) -> None:
    image = picture("red circle at left", name="a scene.png")
    told = run("ask", *GREEDY, "-i", image, "What color is the circle?").out
    assert "red" in told
    assert run("ask", *GREEDY, image, "What color is the circle?").out == told
    assert run("ask", *GREEDY, "What color is the circle?", image).out == told


def test_words_that_are_no_prompt_are_told(run: Run) -> None:
    several = run("ask", "what", "is", "this")
    assert several.code == 2
    assert "Put the prompt in quotes: 'what is this'" in several.err
    missing = run("ask", "phto.jpg", "What is it?")
    assert missing.code == 2
    assert "There is no file" in missing.err and "phto.jpg" in missing.err


def test_a_picture_comes_from_standard_input(run: Run, picture: Callable[..., Path]) -> None:
    image = picture("red circle at left")
    named = run("ask", *GREEDY, "--image", image, "Describe the image.")
    piped = run("ask", *GREEDY, "--image", "-", "Describe the image.", stdin=image.read_bytes())
    assert piped.code == 0
    assert piped.out == named.out


def test_a_picture_alone_is_a_question(run: Run, picture: Callable[..., Path]) -> None:
    assert run("ask", *GREEDY, "--image", picture("red circle at left"), "").code == 0


def test_arguments_need_not_be_utf_8(run: Run, tmp_path: Path, endless: Path) -> None:
    assert run("ask", *GREEDY, "--system", "a\udcff", "Hello\udcff").code == 0
    odd = tmp_path / "na\udcffme.gguf"
    odd.symlink_to(endless)
    assert run("ask", "--model", odd, "--max-tokens", "1", "Hello").code == 0  # a link is followed
    odd.unlink()
    odd.write_bytes(endless.read_bytes())
    ended = run("ask", "--model", odd, "Hello")
    assert ended.code == 2
    assert "not valid UTF-8" in ended.err


def test_settings_are_the_defaults(run: Run, home: Path, endless: Path) -> None:
    (home / "config").mkdir(parents=True)
    file = home / "config" / "config.toml"
    file.write_text(f'model = "{endless}"\nmax_tokens = 3\nctx = 512\n')
    answer = json.loads(run("ask", "--json", "Hello").out)
    assert answer["model"] == endless.stem
    assert answer["stats"]["generated_tokens"] == 3
    assert answer["stats"]["context_size"] == 512
    own = json.loads(run("ask", "--json", "--model", "demo", "--max-tokens", "2", "Hello").out)
    assert own["model"] == "demo"
    assert own["stats"]["generated_tokens"] <= 2


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place that takes no files")
def test_works_without_a_home_to_write_to(run: Run) -> None:
    assert run("ask", *GREEDY, "Hello", env={"VLMTUI_HOME": "/proc/vlmtui"}).code == 0


def test_output_that_cannot_show_a_character_replaces_it(run: Run, endless: Path) -> None:
    ended = run(
        "ask", "--model", endless, "--max-tokens", "200", "--temperature", "2", "--seed", "1", "Hi",
        env={"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ended.code == 0
    assert ended.out.isascii()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "The prompt is empty"),
        (("--image", "-"), "Missing argument 'PROMPT'"),
        (("",), "The prompt is empty"),
        ((" \n",), "The prompt is empty"),
        (("Hello", "--then", ""), "A follow-up is empty"),
        (("-", "--image", "-"), "Standard input can be read once"),
        (("--image", "-", "--image", "-", "Hello"), "Standard input can be read once"),
        (("--image", "-", "--image", "-[0,0,9,9]", "Hello"), "Standard input can be read once"),
        (("--image", "nowhere.png[0,0,9,9]", "Hello"), "There is no file"),
        (("-",), "The prompt is empty"),
        (("--image", "-", "Hello"), "picture on standard input is empty"),
        (("--temperature", "-1", "Hello"), "--temperature"),
        (("--temperature", "nan", "Hello"), "--temperature"),
        (("--top-p", "1.5", "Hello"), "--top-p"),
        (("--top-k", "many", "Hello"), "--top-k"),
        (("--seed", "-1", "Hello"), "--seed"),
        (("--no-such-option", "Hello"), "--no-such-option"),
        (("two", "prompts"), "Put the prompt in quotes"),
        (("--model", "no-such-model", "Hello"), "no model named 'no-such-model'"),
        (("--model", "/no/such/model.gguf", "Hello"), "/no/such/model.gguf"),
        (("--mmproj", "/no/such/mmproj.gguf", "Hello"), "no mmproj file /no/such/mmproj.gguf"),
        (("--image", "/no/such/picture.png", "Hello"), "/no/such/picture.png"),
        (("--image", "/", "Hello"), "is a directory"),
        (("--image", "", "Hello"), "it is empty; is a variable"),
        (("--mmproj", " ", "Hello"), "--mmproj': it is empty"),
        (("--template", "", "Hello"), "--template': it is empty"),
        (("--image", "~nobody-of-that-name/a.png", "Hello"), "There is no file"),
        (("--model", "~nobody-of-that-name/a.gguf", "Hello"), "a.gguf"),
        (("--image", "file://elsewhere/a.png", "Hello"), "There is no file"),
        (("--image", "file:///no/such%20picture.png", "Hello"), "/no/such picture.png"),
        (("--image", "na\udcffme.png", "Hello"), "not valid UTF-8"),
    ],
)
def test_bad_input_is_code_2_and_says_what(run: Run, arguments: tuple[str, ...], says: str) -> None:
    ended = run("ask", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"plain text, no picture at all", "not a picture"),
    ],
)
@pytest.mark.parametrize("piped", [False, True])
def test_a_file_that_is_no_picture_is_code_2(
    run: Run, tmp_path: Path, content: bytes, says: str, piped: bool
) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(content)
    if piped:
        ended = run("ask", "--image", "-", "What is it?", stdin=content)
        assert "standard input" in ended.err
    else:
        ended = run("ask", "--image", file, "What is it?")
        assert str(file) in ended.err
    assert ended.code == 2
    assert says in ended.err


def test_a_picture_damaged_behind_its_header_is_code_2(
    run: Run, picture: Callable[..., Path]
) -> None:
    image = picture("red circle at left")
    image.write_bytes(image.read_bytes()[:-400])
    ended = run("ask", "--image", image, "What is it?")
    assert ended.code == 2
    assert str(image) in ended.err
    piped = run("ask", "--image", "-", "What is it?", stdin=image.read_bytes())
    assert piped.code == 2
    assert "The picture on standard input is damaged" in piped.err


def test_errors_come_without_json(run: Run) -> None:
    ended = run("ask", "--json", "--image", "/no/such/picture.png", "Hello")
    assert (ended.code, ended.out) == (2, "")
    assert "{" not in ended.err


def test_a_file_that_is_no_model_is_code_2(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    ended = run("ask", "--model", file, "Hello")
    assert ended.code == 2
    assert str(file) in ended.err


def test_a_message_larger_than_the_context_is_code_1_with_the_numbers(run: Run) -> None:
    ended = run("ask", "--ctx", "256", "many words " * 400)
    assert ended.code == 1
    assert re.search(r"\d{3}", ended.err)
    assert "256" in ended.err


def test_a_picture_for_a_model_that_cannot_see_is_an_error(
    run: Run, endless: Path, tmp_path: Path, picture: Callable[..., Path]
) -> None:
    blind = tmp_path / "blind.gguf"  # no mmproj beside it
    blind.write_bytes(endless.read_bytes())
    ended = run("ask", "--model", blind, "--image", picture("red circle at left"), "What is it?")
    assert ended.code in (1, 2)
    assert "mmproj" in ended.err


def test_wrong_settings_are_code_2(run: Run, home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("temprature = 1\n")
    ended = run("ask", "Hello")
    assert ended.code == 2
    assert "temprature" in ended.err
    assert "config.toml" in ended.err
