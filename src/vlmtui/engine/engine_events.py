"""The engine's language: what it answers, an event at a time.

A request is answered by a stream of events whose last is `Finished` or `Failed`. Frozen tagged
structs, so that msgspec validates each frame and a `match` reads a stream.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from vlmtui.engine.engine_requests import Load, Source


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The process lives; between it and its client only."""


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """Another vlmtui has the engine first."""

    before: int
    """How many come before this request, the one that runs among them."""

    who: str
    """Whose request runs: a terminal's name, "pts/3"."""

    model: str = ""
    """Its model, where that is another one that has to make way; else empty."""


class Joined(msgspec.Struct, frozen=True, tag="joined"):
    """Another vlmtui has loaded the model already; `Loaded` follows."""

    load: Load
    """As it was loaded: smaller than it was asked for, maybe."""


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """The model isn't there, and this client may load it; or another has just made way for it."""

    others: bool
    """Other models are there, whose memory could be had."""


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """Progress of a load."""

    fraction: float
    """0 to 1, of the language model and the vision tower together."""


Capability = Literal[
    "pictures", "thinking", "think_switch", "conclude", "plan", "continue", "prepare", "constraint"
]
"""What not every engine can. pictures: sees them; thinking: says what it thinks apart from the
answer; think_switch: may be told not to think; conclude: ends a thought when it is told to; plan:
simulates a load; continue: goes on with an answer that was cut off; prepare: reads ahead;
constraint: holds answers to a form."""


class ModelInfo(msgspec.Struct, frozen=True):
    """What is loaded."""

    name: str
    source: Source
    can: frozenset[Capability]
    architecture: str = ""
    """`general.architecture` of the file."""

    description: str = ""
    """One line: architecture, size, quantisation."""

    parameters: int = 0
    """Weights of the language model, as a count; 0 where nobody says."""

    size_bytes: int = 0
    """Weights of the language model, in bytes; 0 where nobody says."""

    vision_bytes: int = 0
    """The file of the vision tower and projector, in bytes."""

    context_size: int = 0
    """Tokens; 0 where nobody says."""

    context_trained: int = 0
    template: str = ""
    """"file" for the file's own chat template, the name of the built-in one, "given" for another
    source; empty where a server sees to it."""

    picture_tokens: tuple[int, int] | None = None
    """Least and most tokens that a square picture can take, as `detail` has it; equal where there
    is no choice; None where nobody says."""

    questions: dict[str, str] = {}
    """What it was trained to be asked, by what that is for, the usual one first; empty for a model
    that talks."""

    gpu: bool = False
    """llama.cpp was built with a GPU backend and may offload to it."""

    load_s: float = 0.0

    @property
    def vision(self) -> bool:
        return "pictures" in self.can

    @property
    def whole_bytes(self) -> int:
        """All of it, as lists of models have it."""
        return self.size_bytes and self.size_bytes + self.vision_bytes

    @property
    def continues(self) -> bool:
        """It goes on with an answer that was cut off."""
        return "continue" in self.can


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """A model is ready."""

    info: ModelInfo


class TowerCompared(msgspec.Struct, frozen=True, tag="tower_compared"):
    """How a tower's graph and libmtmd's tower did on the same picture."""

    difference: float
    """Root mean square of the difference, over that of libmtmd's embeddings."""

    graph_s: float
    libmtmd_s: float


class DeviceMemory(msgspec.Struct, frozen=True):
    """What a load takes of one device's memory, in bytes."""

    name: str
    """llama.cpp's name: "CPU", "CUDA0"."""

    gpu: bool
    weights: int
    kv: int
    """KV cache, or the state of a recurrent model."""

    compute: int
    """Buffers for one step of the largest batch."""


class Planned(msgspec.Struct, frozen=True, tag="planned"):
    """The memory that a load would take, as llama.cpp itself reckons it."""

    context_size: int
    context_trained: int
    devices: tuple[DeviceMemory, ...]
    """Of the language model."""

    mmproj: int
    """Weights of the vision tower, in bytes."""

    mmproj_compute: int
    """Its buffers for one picture of the size that libmtmd tries out first, in bytes."""

    mmproj_gpu: bool
    process: int
    """What the process holds besides: Python, libraries, vocabulary; in bytes."""


class Measured(msgspec.Struct, frozen=True, tag="measured"):
    """What pictures would take."""

    tokens: tuple[int, ...]
    """Of each picture, as its `Encoded` will have them."""


class Adjusted(msgspec.Struct, frozen=True, tag="adjusted"):
    """The model is loaded otherwise than was asked for, since memory is short."""

    why: str
    """What is short: "demo needs 7.3 GB, 6.1 GB are free"."""

    changes: str
    """What is changed: "a context of 2048 tokens"; empty when nothing that helps is left, and the
    load is tried as it is."""

    taken: dict[str, int | str] = {}
    """The same for programs: fields of `Load` with the values they have now."""


NoticeKind = Literal[
    "template",
    "threads",
    "pictures",
    "silent",
    "incomplete",
    "missing",
    "tower",
    "host",
    "detail",
    "invalid",
    "question",
    "server",
]


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Something that the user must know, for which there is no other event."""

    kind: NoticeKind
    """template: the model's own can't be used; threads: fewer than were asked for; pictures: the
    model doesn't see those of the chat; silent: the engine shows no sign of life;
    incomplete: a picture's file lacks its end; missing: a picture's file is gone; tower: its graph
    can't be used; host: the engine can't be shared with other vlmtui; detail: the tower has no
    choice; invalid: the answer isn't what its constraint wants; question: the model was trained
    for questions of its own; server: it took a part of the request, or gave a part of the
    answer."""

    message: str
    """What happened, one sentence without a final full stop."""

    hint: str = ""
    """What the user can do."""


class Trimmed(msgspec.Struct, frozen=True, tag="trimmed"):
    """The conversation outgrew the context: its oldest messages are not part of this prompt."""

    dropped: int
    """Messages left out, the system message not among them."""

    images: int
    """Pictures in the messages left out."""


class Unseen(msgspec.Struct, frozen=True, tag="unseen"):
    """The model sees no pictures: it answers without those of the conversation."""

    images: int
    """How many there are."""


class Encoding(msgspec.Struct, frozen=True, tag="encoding"):
    """A picture enters the vision tower."""

    image: int
    """1-based, among the pictures that this prompt must encode."""

    of: int


class Encoded(msgspec.Struct, frozen=True, tag="encoded"):
    """A picture of the conversation is ready."""

    image: int
    """0-based index among all pictures of the request's messages."""

    tokens: int
    seconds: float
    """Time in the vision tower; 0 when reused."""

    reused: bool
    """It came from the KV cache or the embedding cache."""

    scaled_to: tuple[int, int] | None = None
    """Width and height that it was brought to, for its detail or because in full it would fill the
    context; None where the model got it as it is."""


class Prefill(msgspec.Struct, frozen=True, tag="prefill"):
    """Progress of reading the prompt, in tokens."""

    done: int
    """Tokens of the prompt now in the KV cache, the reused ones included."""

    total: int
    reused: int
    """Tokens that were in the KV cache already."""


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """More of the answer."""

    text: str
    tokens: int
    """Tokens generated so far in this answer."""


class Thought(msgspec.Struct, frozen=True, tag="thought"):
    """More of what the model thinks before it answers."""

    text: str
    tokens: int
    """Tokens generated so far."""


class Stats(msgspec.Struct, frozen=True):
    """What an answer took. Times in seconds, rates in tokens per second."""

    prompt_tokens: int = 0
    """All tokens of the prompt: text, images and reused ones."""

    reused_tokens: int = 0
    image_tokens: int = 0
    generated_tokens: int = 0
    """Those of the thought included."""

    thought_tokens: int = 0
    thought_s: float = 0.0
    """From the first token of the thought to its last."""

    encode_s: float = 0.0
    prefill_s: float = 0.0
    """Time to read the new part of the prompt, vision tower excluded."""

    time_to_first_token_s: float = 0.0
    """From the arrival of the request in the engine to the first sampled token."""

    network_s: float = 0.0
    """Of that, what a server's own times leave over: the network, and its waiting for others. 0
    where it tells none."""

    decode_s: float = 0.0
    prefill_tokens_per_s: float = 0.0
    decode_tokens_per_s: float = 0.0
    context_used: int = 0
    context_size: int = 0
    counted: bool = False
    """The tokens are counted by the pieces that came: a server doesn't tell them."""

    peak_memory_bytes: int | None = None
    """Most main memory that the process which answered held meanwhile, weights that it maps from a
    file included; None where nobody says."""


FinishReason = Literal["stop", "length", "context", "cancelled", "done"]
"""stop: the model ended its turn or a stop string came; length: max_tokens; context: the context is
full; cancelled: by the user; done: a request other than `Generate`."""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The request ended well."""

    reason: FinishReason
    stats: Stats = Stats()


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The request ended with an error."""

    kind: str
    """Name of a class in `vlmtui.errors`."""

    message: str
    hint: str = ""


Event = (
    Alive
    | Waiting
    | Joined
    | Absent
    | Loading
    | Loaded
    | TowerCompared
    | Planned
    | Measured
    | Adjusted
    | Notice
    | Trimmed
    | Unseen
    | Encoding
    | Encoded
    | Prefill
    | Thought
    | Delta
    | Finished
    | Failed
)
