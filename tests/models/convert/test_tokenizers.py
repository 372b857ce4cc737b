"""Vocabularies from a checkpoint's files, and the tokens that llama.cpp makes with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.convert import checkpoints, llamacpp
from tests.models.convert.checkpoints import Shape
from tests.models.convert.conftest import Imported, imported
from vlmtui.errors import BadModelFile
from vlmtui.models.convert import sentencepiece, vocabulary
from vlmtui.models.convert.tokens import CONTROL, UNUSED, USER_DEFINED


def test_sentencepiece_becomes_llama_cpps(vila: Imported) -> None:
    with llamacpp.loaded(vila.model) as model:
        tokens = model.vocabulary
        assert tokens.adds_bos and tokens.bos == 1 and tokens.eos == 2
        pieces = json_pieces(vila)
        for text, expected in (
            ("What is there", ["▁What", "▁is", "▁there"]),
            ("USER", ["▁", "USER"]),
            ("\n", ["▁", "<0x0A>"]),
            ("é", ["▁", "<0xC3>", "<0xA9>"]),
        ):
            found = tokens.tokenize(text, parse_special=False)
            assert [pieces[each] for each in found] == expected


def json_pieces(files: Imported) -> list[str]:
    folder = files.made.folder / "llm"
    return vocabulary.read(folder, {}, files.made.rows).texts


def test_llama_3s_tokens_become_llama_cpps(vila_8b: Imported) -> None:
    with llamacpp.loaded(vila_8b.model) as model:
        tokens = model.vocabulary
        special = tokens.special_tokens
        assert tokens.adds_bos and tokens.bos == special["<|begin_of_text|>"]
        assert tokens.eos == special["<|end_of_text|>"]
        found = tokens.tokenize("<|eot_id|> What is\n", parse_special=True)
        assert found[0] == special["<|eot_id|>"]
        pieces = json_pieces(vila_8b)
        assert [pieces[each] for each in found[1:]] == ["ĠWhat", "Ġis", "Ċ"]


def test_merges_may_be_pairs(tmp_path: Path) -> None:
    for pairs in (False, True):
        made = checkpoints.llama_3(tmp_path / str(pairs), pairs=pairs)
        found = vocabulary.read(tmp_path / str(pairs), {}, made.rows)
        assert "Ġt h" in found.merges and len(found.merges) > 20


def test_a_tokenizer_json_with_bytes_stands_in_for_sentencepiece(tmp_path: Path) -> None:
    """Some repositories have only the version for tokenizers: merges in order, no scores."""
    made = checkpoints.sentencepiece(tmp_path, spare=0)
    own = sentencepiece.read(tmp_path / "tokenizer.model")
    (tmp_path / "tokenizer.model").unlink()
    joined = [text for text in own.texts[259:] if len(text) > 1]
    content = {
        "added_tokens": [{"id": at, "content": own.texts[at], "special": True} for at in range(3)],
        "post_processor": {"single": [{"SpecialToken": {"id": "<s>"}}]},
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "unk_token": "<unk>",
            "vocab": {text: at for at, text in enumerate(own.texts)},
            "merges": [[text[:-1], text[-1]] for text in joined],
        },
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    found = vocabulary.read(tmp_path, {}, made.rows)
    assert (found.model, found.texts, found.kinds) == ("llama", own.texts, own.kinds)
    assert found.add_bos and found.space_first and found.special["bos"] == 1
    by_score = sorted(joined, key=lambda text: -found.scores[found.texts.index(text)])
    assert by_score == joined


def test_added_tokens_and_spare_rows_have_kinds(tmp_path: Path) -> None:
    made = checkpoints.sentencepiece(tmp_path, spare=5)
    first = made.rows - 5
    given = json.loads((tmp_path / "tokenizer_config.json").read_text())
    given["added_tokens_decoder"] = {
        str(first): {"content": "<image>", "special": True},
        str(first + 1): {"content": "plain", "special": False},
        "999999": {"content": "beyond the rows", "special": True},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(given))
    found = vocabulary.read(tmp_path, {}, made.rows)
    assert found.texts[first : first + 3] == ["<image>", "plain", f"[PAD{first + 2}]"]
    assert found.kinds[first : first + 3] == [CONTROL, USER_DEFINED, UNUSED]
    assert len(found.texts) == made.rows


def test_what_begins_a_text_is_the_tokenizers_to_say(tmp_path: Path) -> None:
    made = checkpoints.sentencepiece(tmp_path)
    told = '{"add_bos_token": false, "add_prefix_space": false}'
    (tmp_path / "tokenizer_config.json").write_text(told)
    found = vocabulary.read(tmp_path, {}, made.rows)
    assert not found.add_bos and not found.space_first
    (tmp_path / "tokenizer_config.json").unlink()
    found = vocabulary.read(tmp_path, {}, made.rows)
    assert found.add_bos and found.space_first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: {**content, "pre_tokenizer": None}, "cut words"),
        (lambda content: {**content, "model": {"type": "Unigram"}}, "Unigram, not BPE"),
        (lambda content: {**content, "model": {"type": "BPE", "vocab": 3}}, "not a tokenizer"),
        (lambda content: {}, "not a tokenizer"),
    ],
)
def test_other_tokenizers_are_refused(change, said: str, tmp_path: Path) -> None:
    made = checkpoints.llama_3(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(BadModelFile, match=said):
        vocabulary.read(tmp_path, {}, made.rows)


def test_words_cut_in_an_unknown_way_are_refused(tmp_path: Path) -> None:
    made = checkpoints.llama_3(tmp_path, words=r"\p{N}|\p{L}+")
    with pytest.raises(BadModelFile, match=r"cuts words by .*p\{N\}"):
        vocabulary.read(tmp_path, {}, made.rows)


def test_a_damaged_sentencepiece_model_is_told(tmp_path: Path) -> None:
    made = checkpoints.sentencepiece(tmp_path)
    path = tmp_path / "tokenizer.model"
    whole = path.read_bytes()
    for content in (b"", whole[:-3], b"\xff" * 40, b"\x0b\x00"):
        path.write_bytes(content)
        with pytest.raises(BadModelFile, match="not a SentencePiece model"):
            vocabulary.read(tmp_path, {}, made.rows)
    path.write_bytes(whole)
    with pytest.raises(BadModelFile, match=r"376 tokens, and .* 100 rows"):
        vocabulary.read(tmp_path, {}, 100)


def test_the_file_says_how_the_model_is_talked_to(
    vila: Imported, vila_8b: Imported, tmp_path: Path
) -> None:
    with llamacpp.loaded(vila.model) as model:
        template = model.chat_template()
        assert template is not None and "curious user" in template
    with llamacpp.loaded(vila_8b.model) as model:
        template = model.chat_template()
        assert template is not None and "helpful language and vision assistant" in template
    made = checkpoints.text_model(tmp_path / "checkpoint", shape=Shape(layers=1))
    (made.folder / "chat_template.jinja").write_text("{{ 'mine' }}")
    with llamacpp.loaded(imported(made, tmp_path / "gguf").model) as model:
        assert model.chat_template() == "{{ 'mine' }}"
