"""`vlmtui models`: what it lists, and what it changes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Run
from tests.models import headers
from tests.models.shelves import HuggingFace, Ollama, put
from vlmtui import demo, paths
from vlmtui.cli.models_change import write_default
from vlmtui.cli.models_list import list_models
from vlmtui.errors import SettingsError
from vlmtui.models import pulled
from vlmtui.models.fit import Machine
from vlmtui.models.stores import hugging_face_cache

MODEL, TOWER = headers.model(), headers.tower()


def listed(run: Run, *arguments: str) -> dict[str, dict[str, object]]:
    ended = run("models", "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    return {model["name"]: model for model in json.loads(ended.out)["models"]}


def test_the_list_has_what_is_here_and_what_can_be_had(run: Run) -> None:
    put(paths.models_dir() / "tiny.gguf", MODEL)
    put(paths.models_dir() / "cut.gguf", MODEL[:-50])
    ended = run("models")
    assert ended.code == 0
    here, away = ended.out.split("To download: vlmtui models pull NAME")
    assert "demo (default)" in here
    assert "tiny" in here
    assert "fits, text only" in here
    assert "cut: " in here
    assert "cut off" in here
    assert "llava-1.5-7b" in away
    assert "non-commercial" in away
    assert "vila1.5-3b" in away
    assert "\x1b" not in ended.out
    assert "qwen2.5-vl-7b" not in run("models", "--here").out


def test_columns_are_aligned(run: Run) -> None:
    lines = run("models").out.splitlines()
    head = next(line for line in lines if "GOOD AT" in line)
    entry = next(line for line in lines if line.strip().startswith("gemma-3-4b"))
    assert entry[head.index("LICENCE") :].startswith("Gemma terms")
    assert entry[head.index("GOOD AT") :].startswith("conversation")


def test_json_tells_sizes_and_memory_in_bytes(run: Run) -> None:
    models = listed(run)
    model, tower = demo.model_path().stat().st_size, demo.mmproj_path().stat().st_size
    assert models["demo"]["size"] == model + tower
    assert models["demo"]["fits"] == "yes"
    assert models["demo"]["default"] is True
    assert models["llava-1.5-7b"]["installed"] is False
    assert models["llava-1.5-7b"]["size"] == 4_704_000_000
    assert set(listed(run, "--here")) == {"demo"}


def test_a_name_from_outside_reaches_no_terminal_as_control_characters(run: Run) -> None:
    put(paths.models_dir() / "e\x1b[31mvil\n.gguf", MODEL)
    put(paths.models_dir() / "b\x1b]0;x\x07.gguf", b"<html>")
    ended = run("models")
    assert "\x1b" not in ended.out
    assert "e␛[31mvil␊" in ended.out
    assert "b␛]0;x␇: " in ended.out


def test_a_wrong_catalogue_of_the_users_is_told_and_hides_nothing(run: Run) -> None:
    put(paths.config_dir() / "models.toml", b'["x"]\nsize = "big"\n')
    ended = run("models")
    assert ended.code == 0
    assert "key `size`" in ended.err
    assert "llava-1.5-7b" in ended.out


def test_on_a_narrow_terminal_no_line_wraps() -> None:
    ours, theirs = pty.openpty()
    os.set_inheritable(theirs, True)
    size = "stty cols 80 rows 24 && exec "
    command = size + " ".join(f"'{part}'" for part in PROGRAM) + " models"
    with subprocess.Popen(["sh", "-c", command], stdin=theirs, stdout=theirs, stderr=theirs) as it:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:
            pass
        assert it.wait() == 0
    os.close(ours)
    lines = text.decode().replace("\r", "").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert max(len(line) for line in plain) <= 80
    assert any("\x1b[" in line for line in lines)


def test_info_tells_of_models_here_and_elsewhere(run: Run) -> None:
    assert "Llama 2" in run("models", "info", "llava-1.5-7b").out
    assert "vlmtui models pull llava-1.5-7b" in run("models", "info", "llava-1.5-7b").out
    told = json.loads(run("models", "info", "demo", "--json").out)
    assert (told["name"], told["architecture"], told["board_gb"]) == ("demo", "llama", 4)
    path = put(paths.models_dir() / "tiny.gguf", MODEL)
    assert str(path) in run("models", "info", "ti").out
    assert str(path) in run("models", "info", path).out
    missing = run("models", "info", "nothing-like-it")
    assert missing.code == 2
    assert "no model named" in missing.err


def test_path_prints_the_path_and_nothing_else(run: Run) -> None:
    assert run("models", "path", "demo").out == f"{demo.model_path()}\n"
    assert run("models", "path", "demo", "--mmproj").out == f"{demo.mmproj_path()}\n"
    put(paths.models_dir() / "tiny.gguf", MODEL)
    ended = run("models", "path", "tiny", "--mmproj")
    assert (ended.code, ended.out) == (2, "")
    assert json.loads(run("models", "path", "tiny", "--json").out)["mmproj"] is None


def test_add_gives_a_file_a_name_and_rm_takes_it_back(run: Run, tmp_path: Path) -> None:
    model = put(tmp_path / "usb" / "model.gguf", MODEL)
    tower = put(tmp_path / "usb" / "eyes.gguf", TOWER)
    ended = run("models", "add", model, "--mmproj", tower, "--name", "My Model")
    assert ended.code == 0, ended.err
    assert listed(run)["My Model"]["mmproj"] == str(tower)
    assert run("models", "path", "my model").out == f"{model}\n"
    refused = run("models", "rm", "My Model")
    assert refused.code == 2
    assert "--yes" in refused.err
    removed = run("models", "rm", "My Model", "--yes")
    assert removed.code == 0
    assert "Its file: " in removed.out
    assert model.exists()
    assert "My Model" not in listed(run)


def test_add_refuses_pairs_that_do_not_go_together(run: Run, tmp_path: Path) -> None:
    model = put(tmp_path / "m.gguf", MODEL)
    other = put(tmp_path / "p.gguf", headers.tower(width=128))
    for arguments, said in (
        ((model, "--mmproj", other), "belongs to another model"),
        ((other,), "is a vision tower"),
        ((model, "--name", "demo"), "can't be called"),
        ((model, "--name", "a/b"), "can't be called"),
        ((model, "--name", "x" * 256), "255 characters at most"),
        ((tmp_path / "nothing.gguf",), "no model file"),
    ):
        ended = run("models", "add", *arguments)
        assert ended.code == 2
        assert said in ended.err
    put(paths.models_dir() / "tiny.gguf", headers.model(width=32))
    ended = run("models", "add", model, "--name", "tiny")
    assert "another model named tiny" in ended.err
    assert set(listed(run)) & {"m", "tiny"} == {"tiny"}


def test_rm_deletes_our_own_files_and_keeps_what_others_need(run: Run) -> None:
    folder = paths.models_dir()
    for quantisation in ("Q4_K_M", "Q8_0"):
        put(folder / f"tiny-{quantisation}.gguf", headers.model(layers=len(quantisation)))
    tower = put(folder / "tiny-mmproj.gguf", TOWER)
    assert run("models", "rm", "tiny-Q8_0", "--yes").code == 0
    assert tower.exists()
    ended = run("models", "rm", "tiny-Q4_K_M", "--yes", "--json")
    told = json.loads(ended.out)
    assert str(tower) in told["files"]
    assert not list(folder.glob("*.gguf"))


def test_rm_deletes_from_the_shared_cache_only_what_we_fetched(run: Run) -> None:
    cache = HuggingFace(hugging_face_cache())
    cache.put("a/ours-GGUF", "ours.gguf", MODEL)
    cache.put("a/ours-GGUF", "mmproj-ours.gguf", TOWER)
    theirs = cache.put("a/theirs-GGUF", "theirs.gguf", headers.model(width=32))
    for file in ("ours.gguf", "mmproj-ours.gguf"):
        pulled.note("a/ours-GGUF", file)
    refused = run("models", "rm", "theirs", "--yes")
    assert refused.code == 2
    assert "hf cache rm model/a/theirs-GGUF" in refused.err
    assert theirs.exists()
    told = json.loads(run("models", "rm", "ours", "--yes", "--json").out)
    assert told["freed"] == len(MODEL) + len(TOWER)
    assert not (cache.root / "models--a--ours-GGUF").exists()
    assert pulled.files("a/ours-GGUF") == frozenset()
    assert set(listed(run, "--here")) == {"demo", "theirs"}


def test_rm_leaves_files_that_another_program_put_beside_ours(run: Run) -> None:
    cache = HuggingFace(hugging_face_cache())
    cache.put("a/b-GGUF", "ours.gguf", MODEL)
    tower = cache.put("a/b-GGUF", "mmproj.gguf", TOWER)
    readme = cache.put("a/b-GGUF", "README.md", b"theirs")
    pulled.note("a/b-GGUF", "ours.gguf")
    told = json.loads(run("models", "rm", "ours", "--yes", "--json").out)
    assert told["freed"] == len(MODEL)
    assert tower.read_bytes() == TOWER
    assert readme.exists()
    assert len(list((cache.root / "models--a--b-GGUF" / "blobs").iterdir())) == 2


def test_rm_never_touches_the_stores_of_other_programs(run: Run) -> None:
    store = Ollama(Path(os.environ["OLLAMA_MODELS"]))
    store.put("llava", "7b", MODEL, TOWER)
    cache = Path(os.environ["LLAMA_CACHE"])
    theirs = put(cache / "a_b-GGUF_tiny.gguf", headers.model(width=32))
    before = sorted(store.root.rglob("*"))
    ended = run("models", "rm", "llava:7b", "--yes")
    assert ended.code == 2
    assert "ollama rm llava:7b" in ended.err
    assert f"rm {theirs}" in run("models", "rm", "tiny", "--yes").err
    assert run("models", "rm", "demo", "--yes").code == 2
    assert sorted(store.root.rglob("*")) == before
    assert theirs.exists()


def test_the_default_is_written_into_the_settings(run: Run) -> None:
    assert run("models", "default").out == "demo\n"
    put(paths.models_dir() / "tiny.gguf", MODEL)
    file = paths.config_dir() / "config.toml"
    file.write_text('# mine\nctx = 2048 # small\nmodel = "demo" # the one\n[keys]\n"a" = "b"\n')
    assert run("models", "default", "tiny").code == 0
    assert file.read_text() == (
        '# mine\nctx = 2048 # small\nmodel = "tiny" # the one\n[keys]\n"a" = "b"\n'
    )
    assert run("models", "default").out == "tiny\n"
    assert run("models", "default", "no-such").code == 2
    assert "tiny (default)" in run("models").out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'model = "new"\n'),
        ("ctx = 1\n", 'model = "new"\nctx = 1\n'),
        ("model='old'\n", 'model = "new"\n'),
        (
            '[presets.x]\nsystem = "model = 1"\n',
            'model = "new"\n[presets.x]\nsystem = "model = 1"\n',
        ),
        ('# model = "demo"\n', 'model = "new"\n# model = "demo"\n'),
        ('model = "a#b"  # kept\r\nctx = 1\r\n', 'model = "new"  # kept\r\nctx = 1\r\n'),
    ],
)
def test_only_the_one_line_changes(before: str, after: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    if before:
        file.write_text(before, newline="")
    write_default(file, "new")
    assert file.read_bytes().decode() == after


@pytest.mark.parametrize(
    "before", ['system = """\nmodel = "x"\n"""\n', 'model = """\nold"""\n', "model = [\n"]
)
def test_a_file_that_can_not_be_changed_safely_stays_as_it_is(before: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(before)
    with pytest.raises(SettingsError, match="can't be changed safely"):
        write_default(file, "new")
    assert file.read_text() == before
    file.write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        write_default(file, "new")


def test_a_settings_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    real = put(tmp_path / "dotfiles" / "vlmtui.toml", b"ctx = 1\n")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    write_default(link, "new")
    assert link.is_symlink()
    assert real.read_text() == 'model = "new"\nctx = 1\n'


def test_the_list_says_what_gives_way_for_a_model_to_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Machine(6_550_000_000, 8_000_000_000)
    monkeypatch.setattr("vlmtui.chat.model_choice.machine_after_eviction", lambda: board)
    assert list_models(here=False, as_json=True) == 0
    told = {model["name"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    llava = told["llava-1.5-7b"]
    assert (llava["fits"], llava["loads_with"]) == ("yes", {"ctx": 2048, "kv": "f16"})
    assert llava["gives_way"] == "a context of 2,048 tokens"
    assert told["demo"]["gives_way"] is None
    assert list_models(here=False, as_json=False) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("llava-1.5-7b" in row and "  smaller  " in row for row in rows)


def test_a_model_that_was_asked_by_its_path_is_listed_and_can_be_forgotten(
    run: Run, tmp_path: Path
) -> None:
    model = put(tmp_path / "usb" / "big.gguf", demo.model_path().read_bytes())
    asked = run("ask", "--model", model, "--max-tokens", "1", "Hello")
    assert asked.code == 0, asked.err
    assert listed(run, "--here")["big"]["source"] == "file"
    gone = run("models", "rm", "big", "--yes")
    assert (gone.code, "big is no longer listed" in gone.out) == (0, True)
    assert set(listed(run, "--here")) == {"demo"}
    assert model.exists()


def test_a_directory_of_the_settings_that_is_not_there_is_told(run: Run) -> None:
    put(paths.config_dir() / "config.toml", b'model_dirs = ["/no/such/place"]')
    assert "/no/such/place isn't there (model_dirs in the settings)" in run("models").out
    told = json.loads(run("models", "--json").out)
    assert told["unreadable"] == ["/no/such/place"]
