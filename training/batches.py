"""Batches of conversations about the pool's pictures."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.dense import Labels, dense_labels
from training.model import IMAGE_TOKENS
from training.pool import Shard
from training.scenes import Scene
from training.talk import make_talk
from training.tokenizer import IGNORED, IMAGE, Tokenizer


@dataclass(frozen=True)
class Batch:
    """B conversations of T tokens about I pictures."""

    images: Tensor
    """uint8 [I, SIDE, SIDE, 3]"""
    dense: Labels
    ids: Tensor
    """[B, T], ``IMAGE`` where an image token stands."""
    positions: Tensor
    """[B, T]"""
    labels: Tensor
    """[B, T], already shifted: the token that should come next."""


def with_gaps(length: int, starts: list[int], context: int, rng: random.Random) -> list[int]:
    """Positions 0, 1, 2, … with leaps before some of the user's messages.

    The picture of a long chat lies hundreds of tokens back. Leaps teach that distance, and every
    position up to the context's end, at no cost in tokens.
    """
    positions = np.arange(length)
    room = context - length
    if room > 0 and rng.random() < 0.5:
        total = int(np.exp(rng.uniform(0, np.log(room))))
        for start in rng.sample(starts, min(len(starts), rng.randint(1, 3))):
            leap = rng.randint(0, total)
            positions[start:] += leap
            total -= leap
    return [int(p) for p in positions]


class Batches:
    """Endless batches from some shards.

    Args:
        shards: Where the pictures come from.
        tokenizer: Of the conversations.
        seed: Of everything.
        context: Largest position.
    """

    def __init__(self, shards: list[Shard], tokenizer: Tokenizer, seed: str, context: int) -> None:
        self.shards = shards
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)
        self.context = context
        self._queue: list[tuple[int, int]] = []

    def _next_picture(self) -> tuple[int, int]:
        if not self._queue:
            # a shard at a time would be kinder to the disk, but the pool fits into the page cache
            self._queue = [
                (s, i) for s, shard in enumerate(self.shards) for i in range(len(shard.shapes))
            ]
            self.rng.shuffle(self._queue)
        return self._queue.pop()

    def next(self, count: int, longest: int) -> Batch:
        """A batch of ``count`` conversations of at most ``longest`` tokens."""
        rng = self.rng
        rows: list[tuple[list[int], list[int], list[int]]] = []
        pictures: list[tuple[int, int]] = []
        while len(rows) < count:
            lot = rng.random()
            number = 0 if lot < 0.03 else 2 if lot < 0.55 else 1
            mine = [self._next_picture() for _ in range(number)]
            scenes: list[Scene] = [self.shards[s].scene(i) for s, i in mine]
            talk = make_talk(scenes, max(8, longest // 14), rng, rng.random() < 0.75)
            ids, labels, starts, shown = self.tokenizer.talk(talk, IMAGE_TOKENS, longest, rng)
            if not starts:
                continue  # its first message alone was too long
            pictures += [mine[i] for i in shown]
            rows.append((ids, labels, with_gaps(len(ids), starts, self.context, rng)))
        width = max(len(ids) for ids, _, _ in rows)
        ids_out = np.zeros((count, width), np.int64)
        labels_out = np.full((count, width), IGNORED, np.int64)
        positions_out = np.zeros((count, width), np.int64)
        for row, (ids, labels, positions) in enumerate(rows):
            ids_out[row, : len(ids)] = ids
            labels_out[row, : len(ids) - 1] = labels[1:]
            positions_out[row, : len(ids)] = positions
        images, dense = self._pictures(pictures)
        assert int((ids_out == IMAGE).sum()) == len(pictures) * IMAGE_TOKENS
        return Batch(
            images,
            dense,
            torch.from_numpy(ids_out),
            torch.from_numpy(positions_out),
            torch.from_numpy(labels_out),
        )

    def more_pictures(self, count: int) -> tuple[Tensor, Labels]:
        """Pictures without talk, for the tower's dense lessons alone.

        Returns:
            uint8 [count, SIDE, SIDE, 3] and their labels.
        """
        return self._pictures([self._next_picture() for _ in range(count)])

    def _pictures(self, pictures: list[tuple[int, int]]) -> tuple[Tensor, Labels]:
        images = np.stack([self.shards[s].images[i] for s, i in pictures])
        parts = [dense_labels(self.shards[s], np.array([i])) for s, i in pictures]
        joined = [torch.cat([part[k] for part in parts]) for k in range(6)]
        return torch.from_numpy(images), (
            joined[0],
            joined[1],
            joined[2],
            joined[3],
            joined[4],
            joined[5],
        )
