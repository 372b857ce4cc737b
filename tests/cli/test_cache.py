"""`vlmtui cache`: what models have computed and keep."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.cli.conftest import Run


def ask(run: Run, image: str) -> dict:
    words = ("--json", "--temperature", "0", "--max-tokens", "8", "--image", image)
    ended = run("ask", *words, "What is it?")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_a_picture_is_encoded_once_shown_and_cleared(run: Run, home: Path, picture) -> None:
    image = str(picture("red circle at left"))
    empty = run("cache")
    assert empty.code == 0 and "encoded pictures       0" in empty.out
    first = ask(run, image)
    again = ask(run, image)
    assert first["stats"]["encode_s"] > 0 and again["stats"]["encode_s"] == 0
    assert again["text"] == first["text"]
    found = json.loads(run("cache", "--json").out)
    assert [entry["kind"] for entry in found["entries"]] == ["picture"]
    assert found["bytes"] == found["entries"][0]["size_bytes"] <= found["most_bytes"] == 10**9
    folder = Path(found["path"])
    assert folder == home / "cache" / "engine"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cleared = run("cache", "clear")
    assert cleared.code == 0 and cleared.out.startswith("Cleared: ")
    assert list(folder.iterdir()) == []
    assert ask(run, image)["stats"]["encode_s"] > 0


def test_the_settings_turn_it_off(run: Run, home: Path, picture) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("disk_cache_gb = 0")
    ask(run, str(picture("red circle at left")))
    assert not (home / "cache" / "engine").exists()
    assert "nothing is kept" in run("cache").out
