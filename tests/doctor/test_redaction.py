"""What must not be in a text that people send."""

from __future__ import annotations

import pytest

from vlmtui.doctor import redaction
from vlmtui.doctor.redaction import for_others, without_own_words, without_secrets


@pytest.mark.parametrize(
    "text",
    [
        "HF_TOKEN=zebra-7",
        "export HF_TOKEN='zebra 7'",
        'token = """zebra-7\nmore zebra"""',
        "password = '''\nzebra'''",
        'api_key = "a \\" zebra"',
        'api_keys = ["a", "zebra"]',
        "{'token': 'zebra-7', 'x': 1}",
        '{"access_key": "zebra", "x": 1}',
        "environ['HF_TOKEN'] = zebra",
        "Authorization: Digest username=me, response=zebra",
        "('authorization', 'Token zebra-7')",
        "Cookie: a=b; session=zebra",
        "set-cookie: id=zebra; Path=/",
        "curl -H 'X: Bearer zebra-zebra'",
        "https://cdn.example/x?Policy=a&X-Amz-Signature=zebra",
        "http://me:zebra@proxy:3128",
        "https://zebra@example.org/x",
        "nvapi-zebra_zebra",
        "gsk_zebra_zebra",
        "eyJhbGciOiJ.eyJzebra.zebra-_x",
        "can't open /home/me/zebra.JPG",
        "'/home/me/my zebra at home.jpeg' is too large",
        "zebra.png: broken",
        "/home/me/my zebra/in winter.png can't be read",
        "~/zebra of mine.png is empty",
        "path=zebra.webp, 12 bytes",
    ],
)
def test_what_is_private_is_taken_out(text: str) -> None:
    cleaned = for_others(f"before {text}\nafter")
    assert "zebra" not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith("\nafter")


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens = 512",
        "n_tokens_batch: 81, image tokens=144",
        "llama_model_loader: loaded meta data from /models/llava.gguf",
        "image decoded (batch 1/1) in 9 ms",
        "https://huggingface.co/org/model",
        '{"topic": "downloads", "name": "Hugging Face token", "value": "present (HF_TOKEN)"}',
    ],
)
def test_what_helps_to_find_a_fault_stays(text: str) -> None:
    assert for_others(text) == text


def test_secrets_of_the_environment_are_known_whatever_they_look_like(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_API_KEY", "nothing-special")
    monkeypatch.setenv("HF_TOKEN", "nothing-special-at-all")
    monkeypatch.setenv("HF_TOKEN_PATH", "/etc/token")
    assert without_secrets("got nothing-special-at-all") == "got (removed)"
    assert without_secrets("got nothing-special, /etc/token") == "got (removed), /etc/token"


def test_names_of_user_and_machine_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_user", lambda: "somebody")
    monkeypatch.setattr(redaction.socket, "gethostname", lambda: "jetson-lab")
    cleaned = for_others("somebody@jetson-lab:/srv/somebody/x")
    assert cleaned == "(user)@(host):/srv/(user)/x"


@pytest.mark.parametrize(
    "settings",
    [
        'system = "You are Anna"',
        'system = """\nYou are\nAnna\n"""',
        "presets = { mine = { about = 'Anna', system = \"Anna\" } }",
        'presets.mine."system" = "Anna"',
        'stop = ["Anna:", "\\n"]',
        'system = "Anna',
    ],
)
def test_what_a_person_wrote_for_a_model_is_taken_out_of_the_settings(settings: str) -> None:
    cleaned = without_own_words(f'model = "demo"\n{settings}\nctx = 4096\n')
    assert "Anna" not in cleaned
    assert cleaned.startswith('model = "demo"\n')
    assert cleaned.endswith("\nctx = 4096\n")


@pytest.mark.parametrize(
    "piece", ["a", "/", "a.", "token", "token=[", "x://", "'", "eyJ", " ~/a b"]
)
def test_a_text_made_to_be_slow_comes_to_an_end(piece: str) -> None:
    """Not timed: a pattern that backtracks without bound would run into the test's own limit."""
    for_others(piece * (200_000 // len(piece)))
