"""The commands of `vlmtui --plain`: those of the screen, in lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.conftest import Run, lines
from tests.cli.test_models_pull import NAME
from tests.models.hub import Hub, model_bytes
from tests.web import WebServer, png, sends
from vlmtui import demo
from vlmtui.commands import specs
from vlmtui.models import endpoints
from vlmtui.models.endpoints import Server

SAMPLE = demo.sample_images()[0]


def test_every_command_of_the_screen_is_here_or_says_what_to_do_instead(run: Run) -> None:
    elsewhere = [spec for spec in specs.SPECS if spec.only == "screen"]
    ended = run("--plain", stdin=lines("/help", *(f"/{spec.name}" for spec in elsewhere)))
    assert all(f"/{spec.name}" in ended.err for spec in specs.of("lines"))
    for spec in elsewhere:
        assert "Error: {}\n{}\n".format(*spec.instead) in ended.err


# ------------------------------------------------------------------------------- models


def test_a_model_is_fetched_answers_is_compared_and_deleted(run: Run, hub: Hub) -> None:
    ended = run(
        "--plain",
        stdin=lines(
            "/set max_tokens 8",
            f"/models pull {NAME}",
            "/models",
            f"/models info {NAME}",
            f"@{SAMPLE} What is it?",
            f"/compare demo {NAME}",
            f"/compare {NAME} demo @{SAMPLE} And now?",
            f"/model {NAME}",
            "Really?",
            "/show all",
            f"/models rm {NAME}",
            "/model demo",
            f"/models rm {NAME}",
            "y",
            "/models",
        ),
    )
    assert "100 %" in ended.err
    assert f"{NAME} is installed\n/model {NAME} switches to it" in ended.err
    assert re.search(rf"^{NAME}: installed, fits", ended.out, re.MULTILINE)
    assert f"{NAME}:\n" in ended.err
    # the answers stand below the names, in the order of the names
    named = [line for line in ended.out.splitlines() if line in ("demo:", f"{NAME}:")]
    assert named == ["demo:", f"{NAME}:", f"{NAME}:", "demo:"]
    assert re.search(rf"^{NAME}: \d+ tokens?, [\d.,]+ tok/s, first token after", ended.err, re.M)
    assert ended.err.count("demo is in use again\n/previous and /next") == 2
    assert f"Switched to {NAME}" in ended.err
    assert f"From here on {NAME} answers." in ended.out
    assert "is the model in use" in ended.err
    assert f"Deleted {NAME}" in ended.err
    assert re.search(rf"^{NAME}: not downloaded", ended.out.split("Really?")[-1], re.MULTILINE)


def test_a_download_that_nobody_agrees_to_delete_or_fetch_changes_nothing(
    run: Run, hub: Hub
) -> None:
    ended = run(
        "--plain",
        stdin=lines(f"/models pull {NAME}", f"/models rm {NAME}", "n", "/models pull nonsense!"),
    )
    assert "Nothing was deleted" in ended.err
    assert "nonsense!" in ended.err
    assert f"{NAME}: installed" in run("--plain", stdin=lines(f"/models {NAME}")).out


def test_what_can_not_be_loaded_is_fetched_only_after_a_yes(
    run: Run, hub: Hub, tmp_path: Path
) -> None:
    hub.put("acme/Strange-GGUF", **{"strange.gguf": model_bytes(200_000, architecture="strange")})
    ended = run("--plain", stdin=lines("/models pull hf:acme/Strange-GGUF", "/set"))
    assert "Download it anyway? (y or n)" in ended.err
    assert "Nothing was downloaded" in ended.err
    assert "temperature: 0.2" in ended.out
    assert not list(tmp_path.rglob("*.gguf")) + list(tmp_path.rglob("*.incomplete"))
    agreed = run("--plain", stdin=lines("/models pull hf:acme/Strange-GGUF", "y"))
    assert "strange.gguf: here" in agreed.err
    assert list(tmp_path.rglob("*.gguf"))


def test_a_server_is_listed_and_taken_off_the_list(run: Run) -> None:
    endpoints.SERVERS.add(Server("board", "http://127.0.0.1:9/v1", listed=("llava",)))
    ended = run(
        "--plain",
        stdin=lines("/models board", "/models info board/llava", "/models rm board/llava", "y"),
    )
    assert ended.code == 0, ended.err
    assert "board/llava: on 127.0.0.1:9" in ended.out
    assert "Take board and its models off the list? (y or n)" in ended.err
    assert "board is no longer listed" in ended.err
    assert not endpoints.models()


def test_what_cant_be_done_says_what_to_do_and_the_chat_goes_on(run: Run) -> None:
    told = {
        "/compare": "/compare needs a model",
        "/compare demo": "/compare needs two models",
        "/compare demo demo": "There is no question in this chat yet",
        "/compare demo nonsense What?": "nonsense",
        "/models info nonsense": "There is no model named 'nonsense'\n/models lists",
        "/models rm demo": "it comes with the program",
        "/models rm": "/models rm needs a name",
        "/regen #99": "There is no message #99",
        "/delete #99": "There is no message #99",
        "/edit #99 What?": "There is no message #99",
        "/previous": "Every message of this chat has one version",
        "/open 1 #99": "There is no chat 1",
        "/history #99": "There is no question #99",
        "/search": "/search needs a text",
        "/import ''": "/import needs a path",
        "/editor": "An editor needs a terminal",
        "/pick /no/such/folder": "/no/such/folder can't be read",
        "/preset nonsense": "There are: ",
        "/help nonsense": "There is no command /nonsense",
        "@/Users/ada/cat.png What?": "\nscp /Users/ada/cat.png ",
    }
    ended = run("--plain", stdin=lines(*told, "/set"))
    assert [words for words in told.values() if words not in ended.err] == []
    assert ended.err.count("Error: ") == len(told)
    assert "temperature: 0.2" in ended.out
    assert ended.code == 1


# ------------------------------------------------------------------------------- messages


def test_messages_have_numbers_by_which_they_are_changed(run: Run) -> None:
    ended = run(
        "--plain",
        stdin=lines(
            "/set max_tokens 4",
            f"@{SAMPLE} First?",
            "Second?",
            "/edit #1 Other?",
            "/show all",
            "/previous #5",
            "/show all",
            "/delete #3",
            "/undo",
            "/stats #2",
            "/regen #2",
            "/show #7",
        ),
    )
    assert ended.code == 0, ended.err
    branch, back = ended.out.split("#1 You", 1)
    assert "Other?" in branch
    assert "Second?" not in branch
    assert "Second?" in back
    assert f"with {SAMPLE.name} (version 2 of 2): Other?" in ended.out  # its picture stays
    assert "generated: 4 tokens" in ended.out
    assert f"picture: {SAMPLE.name}, 81 tokens" in ended.out
    assert "#7 demo (version 2 of 2, cut off)" in ended.out


def test_answers_are_gone_through_and_read_again(run: Run) -> None:
    ended = run(
        "--plain",
        stdin=lines(
            "/set max_tokens 4",
            "What?",
            "/regen",
            "/previous",
            "/previous",
            "/next",
            "/next",
            "/copy #2",
        ),
    )
    assert "This is the first of 2 versions" in ended.err
    assert "This is the last of 2 versions" in ended.err
    shown = [line for line in ended.out.splitlines() if line.startswith("#")]
    assert [line.split(":")[0] for line in shown] == [
        "#2 demo (version 1 of 2, cut off)",
        "#3 demo (version 2 of 2, cut off)",
    ]
    assert "There is no message #2" in ended.err  # another version is shown


def test_deletions_are_undone_in_turn(run: Run) -> None:
    ended = run(
        "--plain",
        stdin=lines(
            "/set max_tokens 2",
            "One?",
            "Two?",
            "/delete",
            "/delete",
            "/show",
            "/undo",
            "/undo",
            "/undo",
            "/show",
        ),
    )
    assert "There is nothing in this chat yet" in ended.err
    assert ended.err.count("Restored the message") == 2
    assert "There is nothing to undo" in ended.err
    assert [name for name in ("One?", "Two?") if f"You: {name}" in ended.out] == ["One?", "Two?"]


def test_search_leads_to_the_message_also_on_another_branch(run: Run) -> None:
    run("--plain", stdin=lines("/set max_tokens 2", "About zebras?", "/edit About lions?"))
    ended = run("--plain", stdin=lines("/search zebra", "/open 1 #1", "/show all"))
    assert "1 #1: About zebras?: About zebras?" in ended.out
    assert "/open 1 #1" in ended.err
    assert "#1 You (version 1 of 2): About zebras?" in ended.out
    assert "lions" not in ended.out


def test_an_opened_chat_tells_how_much_follows(run: Run) -> None:
    run("--plain", stdin=lines("/set max_tokens 2", "One?", "Two?"))
    ended = run("--plain", stdin=lines("/open 1 #2", "/open 1 #1"))
    assert "1 more message follows: /show all" in ended.err
    assert "2 more messages follow: /show all" in ended.err


def test_the_code_of_an_answer_is_printed_alone(run: Run, tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    run("--plain", stdin=lines("/set max_tokens 1", "Code?", f"/export json {chat}"))
    said = json.loads(chat.read_text())
    said["messages"][-1]["parts"] = [{"type": "text", "text": "So:\n```py\nprint(1)\n```\nThere."}]
    chat.write_text(json.dumps(said))
    ended = run("--plain", stdin=lines(f"/import {chat}", "/copy code"))
    assert ended.out.endswith("print(1)\n")


def test_what_was_asked_is_found_and_asked_once_more(run: Run) -> None:
    run("--plain", stdin=lines("/set max_tokens 2", f"@{SAMPLE} About zebras?", "About lions?"))
    listed = run("--plain", stdin=lines("/history", "/history zebra"))
    assert listed.out == (
        "#3: About lions?\n#1 (1 picture): About zebras?\n#1 (1 picture): About zebras?\n"
    )
    ended = run("--plain", stdin=lines("/set max_tokens 2", "/history #1", "/show"))
    assert f"You with {SAMPLE.name}: About zebras?" in ended.out


# ------------------------------------------------------------------------------- pictures


def test_a_picture_from_the_web_is_fetched_after_a_yes(run: Run, server: WebServer) -> None:
    server.answers["/cat.png"] = sends(png())
    ended = run("--plain", stdin=lines(f"/image {server.url('/cat.png')}", "y", "What?", "/view"))
    assert ended.code == 0, ended.err
    assert f"Fetch cat.png from 127.0.0.1:{server.port}? At most 20 MB" in ended.err
    assert "Attached: cat.png, 8×8" in ended.err
    assert "#1: cat.png, 8×8" in ended.out


def test_what_is_no_answer_to_a_question_is_the_next_message(run: Run, server: WebServer) -> None:
    ended = run("--plain", stdin=lines(f"@{server.url('/cat.png')} What?", "/preset"))
    assert not server.asked
    assert "Nothing was fetched" in ended.err
    assert "precise: " in ended.out


def test_pictures_are_listed_and_attached_by_number(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    (folder / "older").mkdir(parents=True)
    (folder / "red\x1b[31m.png").write_bytes(png())
    ended = run(
        "--plain",
        stdin=lines(f"/pick {folder}", "/pick 1", "/pick 7", "/pick 2", "What?", "/view"),
    )
    first, second = ended.out.splitlines()[:2]
    assert first.startswith("1: red␛[31m.png, ")
    assert second == "2: older/ (a folder)"
    assert "Attached: red␛[31m.png, 8×8" in ended.err
    assert "There are no pictures and no folders" in ended.err
    assert "There is no number 7 in the list" in ended.err
    assert "\x1b" not in ended.out + ended.err
    assert re.search(r"^#1: red␛\[31m.png, 8×8, \d+ tokens", ended.out, re.MULTILINE)


def test_a_long_list_stops_and_goes_on(run: Run, tmp_path: Path) -> None:
    for number in range(23):
        (tmp_path / f"{number}.png").write_bytes(png())
    ended = run("--plain", stdin=lines(f"/pick {tmp_path}", "/more", "/more"))
    assert len(re.findall(r"\.png", ended.out)) == 23
    assert ended.err.count("/more prints the rest") == 1
    assert "There is no more" in ended.err


# ------------------------------------------------------------------------------- figures


def test_figures_of_answers_and_machine_are_told_in_words(run: Run) -> None:
    ended = run("--plain", stdin=lines("What?", "/stats", "/monitor"))
    assert re.search(r"^#2 What\?: \d+ tokens?, [\d.,]+ tok/s, first token after", ended.out, re.M)
    assert "In total: 1 answer" in ended.err
    assert re.search(r"^memory: [\d.]+ [GM]B / [\d.]+ [GM]B$", ended.out, re.MULTILINE)
    assert re.search(r"^this screen: vlmtui \d+ MB", ended.out, re.MULTILINE)


def test_the_preset_in_use_is_marked_and_takes_no_system_prompt_away_in_silence(run: Run) -> None:
    commands = ("/preset precise", "/preset", "/system Be kind", "/preset default", "/preset")
    ended = run("--plain", stdin=lines(*commands))
    listed = [line for line in ended.out.splitlines() if line.startswith(("precise:", "default:"))]
    assert [line.endswith("(in use)") for line in listed] == [True, False, False, True]
    assert "The chat's system prompt was “Be kind”" in ended.err
