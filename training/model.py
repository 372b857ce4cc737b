"""The demo model in torch: a CLIP-shaped tower, LLaVA's two-layer projector and a small llama.

Each part computes what libmtmd's ``mlp`` graph (tools/mtmd/models/llava.cpp) and llama.cpp's
``llama`` graph compute, tanh GELU included, so that export is little more than a renaming.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.render import GRID, PATCH

IMAGE_TOKENS = GRID * GRID


@dataclass(frozen=True)
class Config:
    """Sizes of the model."""

    vocab: int = 1024
    vision_width: int = 192
    vision_layers: int = 5
    vision_heads: int = 4
    vision_ffn: int = 640
    width: int = 192
    layers: int = 5
    heads: int = 4
    ffn: int = 512
    context: int = 2048
    """Largest position, in tokens, that training shows the model."""
    rope_base: float = 10000.0
    eps: float = 1e-5


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention written out: on a CPU in bfloat16 its backward pass takes 0.6 of the fused one's.

    Args:
        q: Queries [B, H, T, D].
        k: Keys [B, H, T, D].
        v: Values [B, H, T, D].
        mask: [T, T], added to the scores.
    """
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    return torch.softmax(scores, -1, dtype=q.dtype) @ v


class VisionBlock(nn.Module):
    """Pre-norm transformer block with biases, as in CLIP."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        d = c.vision_width
        self.heads = c.vision_heads
        self.ln1 = nn.LayerNorm(d, eps=c.eps)
        self.ln2 = nn.LayerNorm(d, eps=c.eps)
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        self.up = nn.Linear(d, c.vision_ffn)
        self.down = nn.Linear(c.vision_ffn, d)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        b, n, d = x.shape
        q, k, v = (
            self.qkv(self.ln1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        )
        attended = attend(q, k, v)
        x = x + self.out(attended.transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.ln2(x)), approximate="tanh"))


class Tower(nn.Module):
    """Vision tower: one token for each 16-pixel patch, no class token."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        d = c.vision_width
        self.patch = nn.Linear(3 * PATCH * PATCH, d, bias=False)
        self.position = nn.Parameter(torch.randn(IMAGE_TOKENS, d) * 0.02)
        self.pre = nn.LayerNorm(d, eps=c.eps)
        self.blocks = nn.ModuleList(VisionBlock(c) for _ in range(c.vision_layers))
        self.post = nn.LayerNorm(d, eps=c.eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [B, SIDE, SIDE, 3] -> features [B, IMAGE_TOKENS, D]."""
        b = pixels.shape[0]
        patches = pixels.view(b, GRID, PATCH, GRID, PATCH, 3).permute(0, 1, 3, 5, 2, 4)
        x = self.patch(patches.reshape(b, IMAGE_TOKENS, -1)) + self.position
        x = self.pre(x)
        for block in self.blocks:
            x = block(x)
        return self.post(x)


class Dense(nn.Module):
    """Heads that only training uses: what lies at each patch, and how many shapes there are."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        d = c.vision_width
        self.patch = nn.Linear(d, 5 + 9 + 10 + 1 + 1)
        self.count = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, N, D] -> per patch [B, N, 26] and the number of shapes [B, 4]."""
        return self.patch(x), self.count(x.mean(1))


class Projector(nn.Module):
    """LLaVA-1.5's projector: Linear, GELU, Linear."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.first = nn.Linear(c.vision_width, c.width)
        self.second = nn.Linear(c.width, c.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, vision width] -> [B, N, width]."""
        projected: Tensor = self.second(F.gelu(self.first(x), approximate="tanh"))
        return projected


class Block(nn.Module):
    """llama block: RMSNorm, rotary attention, SwiGLU; no biases."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads = c.heads
        self.norm1 = nn.RMSNorm(c.width, eps=c.eps)
        self.norm2 = nn.RMSNorm(c.width, eps=c.eps)
        self.qkv = nn.Linear(c.width, 3 * c.width, bias=False)
        self.out = nn.Linear(c.width, c.width, bias=False)
        self.gate_up = nn.Linear(c.width, 2 * c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """[B, T, D] with cos and sin [B, 1, T, D / heads / 2] and mask [T, T] -> [B, T, D]."""
        b, t, d = x.shape
        q, k, v = (
            self.qkv(self.norm1(x))
            .view(b, t, 3, self.heads, d // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        attended = attend(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)
        x = x + self.out(attended.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions (RoFormer, arXiv 2104.09864) on the pairs (i, i + D/2).

    llama.cpp's llama turns the pairs (2i, 2i + 1); ``export`` reorders the rows of the weights.
    Halves are contiguous, which a CPU likes better than strided pairs.
    """
    one, two = x.chunk(2, -1)
    return torch.cat((one * cos - two * sin, two * cos + one * sin), -1)


class Llama(nn.Module):
    """The language model, its output tied to the embedding."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.embed = nn.Embedding(c.vocab, c.width)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, eps=c.eps)

    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings [B, T, D] at positions [B, T] -> states after layer 2 and at the end."""
        half = self.config.width // self.config.heads // 2
        exponent = torch.arange(half, device=x.device, dtype=torch.float32) / half
        angles = positions[:, None, :, None].float() * self.config.rope_base**-exponent
        cos, sin = angles.cos(), angles.sin()
        if torch.is_autocast_enabled(x.device.type):
            cos, sin = cos.bfloat16(), sin.bfloat16()
        t = x.shape[1]
        mask = torch.full((t, t), -math.inf, device=x.device, dtype=cos.dtype).triu(1)
        early = x
        for number, block in enumerate(self.blocks, 1):
            x = block(x, cos, sin, mask)
            if number == 2:
                early = x
        return early, self.norm(x)


class DemoModel(nn.Module):
    """Tower, projector and language model together."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.tower = Tower(c)
        self.dense = Dense(c)
        self.projector = Projector(c)
        self.llama = Llama(c)
        self.order = nn.Linear(c.width, 2)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(
                    module.weight, std=0.02 if isinstance(module, nn.Embedding) else 0.04
                )
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for name, parameter in self.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(parameter, std=0.04 / math.sqrt(2 * c.layers))

    def forward(self, features: Tensor, ids: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Read text with pictures in it.

        Args:
            features: [I, IMAGE_TOKENS, vision width] from the tower, in the order in which the
                pictures stand in the batch.
            ids: [B, T] token ids; -1 where an image token stands.
            positions: [B, T].

        Returns:
            Final states [B, T, D]; and for training, at each of the image tokens, the scores of
            being in the conversation's first and second picture [I * IMAGE_TOKENS, 2].
        """
        x = self.llama.embed(ids.clamp(min=0))
        image_tokens = self.projector(features).reshape(-1, self.config.width)
        x = x.masked_scatter((ids < 0)[..., None], image_tokens.to(x.dtype))
        early, states = self.llama(x, positions)
        return states, self.order(early[ids < 0])


def normalise(images: Tensor) -> Tensor:
    """uint8 pixels -> floats in -1..1, which is what mean and std of 0.5 mean to libmtmd."""
    return images.float() / 127.5 - 1
