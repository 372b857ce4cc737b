"""The demo model's tokenizer: SentencePiece BPE with byte fallback, and its chat template.

Role marks are control tokens, so that the text between them is split alone, exactly as llama.cpp
splits it: its SPM tokenizer puts a space before text that follows a control token or begins a
piece.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import sentencepiece as spm

from training.offtopic import off_topic, system_prompt
from training.scenes import Scene, random_scene
from training.talk import Talk, make_talk

ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
IMAGE = -1
"""Stands for one image token in a list of ids."""
IGNORED = -100
"""Label of a token that the model isn't taught to say."""

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if not loop.first and not loop.last -%}{{- '\n' -}}{%- endif -%}"
    "{%- if part['type'] == 'text' -%}{{- part['text'] -}}"
    "{%- elif part['type'] in ('image', 'image_url') -%}{{- '<image>' -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{- '</s>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
"""Content is a string or a list of parts, as in Hugging Face's; BOS is the tokenizer's business.

A line break stands between two pictures. Without it the model can hardly tell where the second
begins: it answered 29 % of the questions about the number of shapes in one of two pictures.
"""


def train_tokenizer(prefix: Path, vocab: int, seed: int, talks: int = 20000) -> Path:
    """Learn a vocabulary from generated conversations.

    Args:
        prefix: Path of the model to write, without its ``.model``.
        vocab: Number of tokens, 256 bytes and the control tokens among them.
        seed: Of the conversations.
        talks: How many conversations to learn from.

    Returns:
        Path of the SentencePiece model.
    """
    rng = random.Random(seed)
    lines: list[str] = []
    for _ in range(talks):
        scenes: list[Scene] = [random_scene(rng) for _ in range(rng.choice((1, 1, 2)))]
        for exchange in make_talk(scenes, 6, rng, rng.random() < 0.5).exchanges:
            lines += [exchange.text, exchange.answer]
        lines += [off_topic(rng), system_prompt(rng)]
    # other scripts are left to the byte fallback: the vocabulary is for plain English
    lines = [line.replace("\n", " ") for line in lines if line.isascii() and line.strip()]
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(prefix),
        model_type="bpe",
        vocab_size=vocab,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        control_symbols=list(ROLES),
        num_threads=1,
        minloglevel=2,
        hard_vocab_limit=True,
    )
    return prefix.with_suffix(".model")


class Tokenizer:
    """Text and conversations to ids."""

    def __init__(self, path: Path) -> None:
        self.pieces = spm.SentencePieceProcessor(model_file=str(path))
        self.bos, self.eos = self.pieces.bos_id(), self.pieces.eos_id()
        self.system, self.user, self.assistant = (self.pieces.piece_to_id(role) for role in ROLES)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; nothing for an empty string, as in llama.cpp after a control token."""
        ids: list[int] = self.pieces.encode(text) if text else []
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text of ids, control tokens left out."""
        text: str = self.pieces.decode(ids)
        return text

    def talk(
        self, talk: Talk, image_tokens: int, longest: int, rng: random.Random
    ) -> tuple[list[int], list[int], list[int], list[int]]:
        """A conversation as the chat template and libmtmd would lay it out.

        Args:
            talk: The conversation; exchanges that don't fit are left out.
            image_tokens: Image tokens a picture, which get the id ``IMAGE``.
            longest: Greatest number of tokens.
            rng: For what varies between programs: a line break beside a picture, a missing BOS.

        Returns:
            Ids, labels (``IGNORED`` except in answers, not yet shifted), where each message of the
            user begins, and the pictures in their order.
        """
        ids = [] if rng.random() < 0.02 else [self.bos]
        if talk.system is not None:
            ids += [self.system, *self.encode(talk.system)[:80], self.eos]
        labels = [IGNORED] * len(ids)
        starts: list[int] = []
        pictures: list[int] = []
        for exchange in talk.exchanges:
            break_here = "\n" if rng.random() < 0.12 else ""
            image = [IMAGE] * image_tokens
            between = self.encode("\n") if rng.random() < 0.97 else []
            images: list[int] = []
            for number, _ in enumerate(exchange.images):
                images += [*(between if number else []), *image]
            if exchange.images_last:
                question = [*self.encode(exchange.text + break_here), *images]
            else:
                question = [*images, *self.encode((break_here if images else "") + exchange.text)]
            question = [self.user, *question, self.eos, self.assistant]
            answer = [*self.encode(exchange.answer), self.eos]
            if len(ids) + len(question) + len(answer) > longest:
                if exchange.images:
                    break
                continue
            starts.append(len(ids))
            pictures += exchange.images
            ids += question + answer
            labels += [IGNORED] * len(question) + answer
        return ids, labels, starts, pictures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", type=Path, help="path of the model to write, without .model")
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=20261123)
    args = parser.parse_args()
    train_tokenizer(args.prefix, args.vocab, args.seed)
