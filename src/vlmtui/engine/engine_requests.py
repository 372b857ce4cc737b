"""The engine's language: what it is asked.

Frozen tagged structs, so that msgspec validates each frame. An engine gets everything that it needs
in its request.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

import msgspec

from vlmtui.errors import LoadFailed
from vlmtui.messages import Detail, ImagePart, Message

KvType = Literal["f16", "q8_0", "q4_0"]


class Files(msgspec.Struct, frozen=True, tag="files"):
    """A model on this machine: its memory is ours to plan."""

    model: str
    """Absolute path of the language model's file."""

    mmproj: str | None = None
    """Absolute path of the vision tower and projector; None for a text-only model."""

    @property
    def title(self) -> str:
        """What to call it when nobody gave it a name."""
        return PurePath(self.model).stem


class Endpoint(msgspec.Struct, frozen=True, tag="endpoint"):
    """A model that a server runs: whether it fits there is not for us to say."""

    url: str
    """Where the server's interface begins."""

    model: str
    """What the server calls the model."""

    key: str = ""
    """Sent as a bearer token; empty for none. Never shown, kept or logged."""

    most_pixels: int = 4_000_000
    """Larger pictures are scaled down before they are sent."""

    @property
    def host(self) -> str:
        """Who it is, for a person."""
        return self.url.partition("://")[2].partition("/")[0].rpartition("@")[2]

    def __repr__(self) -> str:
        """Without the key: this may come into a log."""
        return f"Endpoint(url={self.url!r}, model={self.model!r})"

    @property
    def title(self) -> str:
        """What to call it when nobody gave it a name."""
        return self.model


Source = Files | Endpoint
"""Where answers come from."""


class Tower(msgspec.Struct, frozen=True):
    """A vision tower as a graph, made of the load's mmproj."""

    path: str
    """An engine of TensorRT (`.engine`), or ONNX for onnxruntime."""

    side: int
    """Width and height of its pictures, in pixels."""

    tiles: tuple[tuple[int, int], ...] = ()
    """Sizes that a larger picture is brought to one of, and cut into squares; empty: never cut."""

    compare: bool = False
    """Load libmtmd's tower, too, and tell how far apart the two are, instead of using it."""


class DiskCache(msgspec.Struct, frozen=True):
    """Where what was computed is kept for later engines."""

    path: str
    most_bytes: int


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a model, replacing the one that is loaded. Holds everything a backend may know.

    What is said of memory and processors is for backends that run `Files`.
    """

    source: Source

    name: str = ""
    """What the user calls the model."""

    backend: str = ""
    """Kind of backend, see `engine.registry`; empty takes the one for such a source."""

    ctx: int = 0
    """Context size in tokens; 0 takes the model's own, at most `DEFAULT_CTX`."""

    gpu_layers: int = -1
    """Layers kept on the GPU; -1 means all when llama.cpp was built with one."""

    threads: int = 0
    """CPU threads; 0 takes the physical cores this process may use, fewer while other programs want
    them, and one for a tiny model."""

    batch: int = 512
    """Tokens per prefill step; a cancel takes effect between two steps at the latest. Pictures that
    a model must read at once (Gemma's) may make it larger."""

    kv: KvType = "f16"
    """What the KV cache is kept in. "q8_0" takes 53 % of the memory of "f16", "q4_0" 28 %."""

    mmproj_gpu: bool = True
    """The vision tower is on the GPU, where the model is; else on the CPU, which is slower."""

    template: str | None = None
    """Name of a built-in chat template or Jinja source, used instead of the file's own."""

    fallback_template: str | None = None
    """The same for a file without its own; None guesses from its tokens and name."""

    image_cache_bytes: int = 256 * 1024 * 1024
    """Upper bound of the kept image embeddings, in bytes."""

    checkpoint_bytes: int = 160 * 1024 * 1024
    """Upper bound of the kept states of a recurrent memory, in bytes."""

    disk_cache: DiskCache | None = None
    """Keeps embeddings of pictures and states of chats; None keeps nothing on the disk."""

    tower: Tower | None = None
    """Runs in the place of libmtmd's vision tower, if it can."""

    @property
    def title(self) -> str:
        """What a person is told that this is."""
        return self.name or self.source.title

    @property
    def files(self) -> Files:
        """The source of a load that only makes sense with files.

        Raises:
            LoadFailed: It is somewhere else.
        """
        if isinstance(self.source, Files):
            return self.source
        raise LoadFailed(
            f"{self.title} runs on a server: there are no files of it on this machine",
            "Choose a model whose files are here: `vlmtui models` lists them.",
        )


Think = Literal["auto", "on", "off"] | Annotated[int, msgspec.Meta(ge=1)]
"""Whether a model thinks before it answers, as far as it can. auto: it does, a small one within a
budget; on: for as long as it likes; off: not at all; a number: at most so many tokens, after which
the answer begins."""


class Constraint(msgspec.Struct, frozen=True):
    """What an answer must be like as a whole; see `engine.structured.constraints`."""

    kind: Literal["schema", "choices", "grammar", "regex"]
    text: str
    """JSON Schema, a JSON array of texts, GBNF with a rule `root`, or a regular expression."""


_Penalty = Annotated[float, msgspec.Meta(ge=-100, le=100)]
"""llama.cpp wants a finite one, of 32 bits."""


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is chosen, and how finely pictures are looked at."""

    temperature: float = 0.2
    """0 is greedy."""

    top_k: int = 40
    """0 turns it off."""

    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    """Divides the logits of recent tokens; 1.0 turns it off."""

    presence_penalty: _Penalty = 0.0
    """Taken from the logits of recent tokens; 0 turns it off."""

    frequency_penalty: _Penalty = 0.0
    """The same, for each time that a token was said."""

    seed: int | None = None
    """None draws a fresh one."""

    max_tokens: int = 0
    """Longest answer in tokens, what is thought before it included; 0 goes on until the model stops
    or the context is full."""

    think: Think = "auto"

    stop: tuple[str, ...] = ()
    """The answer ends before the first of these strings."""

    detail: Detail = "normal"
    """How finely pictures are looked at that don't say so themselves."""

    constraint: Constraint | None = None
    """What tokens can be chosen at all; a thought before the answer is free."""

    question: str = ""
    """What is asked of pictures that come without words; empty for what the model was trained to be
    asked, if anything."""


class Generate(msgspec.Struct, frozen=True, tag="generate"):
    """Answer a conversation.

    Its last message is the user's; or it is the assistant's, a part of an answer, and then what
    follows that part is generated, from its last character on.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()

    chat: str = ""
    """Which conversation it is, under a name of its own: the engine may keep its state under that.
    Empty for one that nobody goes on with."""


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Read ahead what is certain of the next prompt, while nobody waits for anything.

    Any other request ends it; what it has read is kept.
    """

    messages: tuple[Message, ...]
    """The conversation. A last message of the user's is a question as far as it is written."""

    detail: Detail = "normal"
    """How finely pictures are looked at that don't say so themselves."""

    think: Think = "auto"
    """As the question will have it."""

    chat: str = ""
    """See `Generate.chat`."""


class Plan(msgspec.Struct, frozen=True, tag="plan"):
    """Simulate a load: how much memory would it take? Nothing is allocated or replaced."""

    load: Load


class Measure(msgspec.Struct, frozen=True, tag="measure"):
    """Tell what pictures would take in a prompt of the loaded model; nothing is decoded."""

    images: tuple[ImagePart, ...]
    detail: Detail = "normal"
    """How finely those are looked at that don't say so themselves."""

    boxes: bool = False
    """Boxes are asked for, see `grounding`."""


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Stop the running request; it ends with `Finished("cancelled")`."""


class Conclude(msgspec.Struct, frozen=True, tag="conclude"):
    """End the thought of the running request, and have the answer begin; else nothing."""


class Shutdown(msgspec.Struct, frozen=True, tag="shutdown"):
    """End the engine's process."""


Request = Load | Generate | Prepare | Plan | Measure | Cancel | Conclude | Shutdown

DEFAULT_CTX = 4096
"""Context when none is asked for: an image of LLaVA-1.6 takes up to 2,880 tokens, and the KV cache
of a 7B Llama takes 512 KiB a token, so twice this would cost 4 GiB of a small board."""
