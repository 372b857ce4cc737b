"""The engine's language: requests, events, and the protocol every engine speaks.

Frozen tagged structs, so that msgspec validates each frame and a `match` reads a stream. This
module knows neither how frames travel (`wire`) nor what runs behind them (`backends`).

A request is answered by a stream of events whose last is `Finished` or `Failed`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Annotated, Literal, Protocol, runtime_checkable

import msgspec

from vlmtui.errors import LoadFailed
from vlmtui.messages import Detail, ImagePart, Message

# --------------------------------------------------------------------------------------- requests


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

    backend: str = "llamacpp"
    """Kind of backend, see `engine.registry`."""

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


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is chosen, and how finely pictures are looked at."""

    temperature: float = 0.2
    """0 is greedy."""

    top_k: int = 40
    """0 turns it off."""

    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    """1.0 turns it off."""

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

# ----------------------------------------------------------------------------------------- events


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The process lives; between it and its client only."""


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """Another vlmtui has the engine first."""

    before: int
    """How many come before this request, the one that runs among them."""

    who: str
    """Whose request runs: a terminal's name, "pts/3"."""


class Joined(msgspec.Struct, frozen=True, tag="joined"):
    """Another vlmtui has loaded the model already; `Loaded` follows."""

    load: Load
    """As it was loaded: smaller than it was asked for, maybe."""


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """The model isn't there, and this client may load it."""

    others: bool
    """Other models are there, whose memory could be had."""


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """Progress of a load."""

    fraction: float
    """0 to 1, of the language model and the vision tower together."""


Capability = Literal[
    "pictures",
    "thinking",
    "think_switch",
    "conclude",
    "plan",
    "continue",
    "prepare",
    "constraint",
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
        """It sees pictures."""
        return "pictures" in self.can

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
]


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Something that the user must know, for which there is no other event."""

    kind: NoticeKind
    """template: the model's own can't be used; threads: fewer than were asked for; pictures: the
    model doesn't see those of the chat; silent: the engine shows no sign of life;
    incomplete: a picture's file lacks its end; missing: a picture's file is gone; tower: its graph
    can't be used; host: the engine can't be shared with other vlmtui; detail: the tower has no
    choice; invalid: the answer isn't what its constraint wants; question: the model was trained
    for questions of its own."""

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

# --------------------------------------------------------------------------------------- protocol


@contextmanager
def closing_events(events: Iterator[Event]) -> Iterator[Iterator[Event]]:
    """A stream that is closed at once when it is left, which cancels its request.

    Otherwise that would happen when the garbage collector comes by. Not every iterator can be
    closed, and the protocol doesn't ask it to.
    """
    try:
        yield events
    finally:
        if isinstance(events, Generator):
            events.close()


@runtime_checkable
class SharedEngine(Protocol):
    """An engine whose model others may have loaded, or whose memory others may hold.

    The iterators are as those of `Engine`.
    """

    def join(self, request: Load) -> Iterator[Event]:
        """Use a model if it is loaded already, and let go of any other.

        Yields `Joined` and `Loaded`, or `Absent`: then this engine may load next.
        """

    def make_room(self) -> Iterator[Event]:
        """Have the models of others unloaded, each as soon as its engine has answered."""


class Engine(Protocol):
    """One engine, one model, one request at a time.

    The iterators block, so they belong in a worker thread. They yield every event up to and with
    `Finished`, and raise the `EngineError` or `ImageError` that a `Failed` names instead of
    yielding it. Closing an iterator early cancels its request.
    """

    def load(self, request: Load) -> Iterator[Event]:
        """Load a model, starting the engine's process if it does not run.

        Raises:
            LoadFailed: The model can't be loaded; nothing is loaded now. `OutOfMemory`, a subclass,
                where memory was short.
            EngineCrashed: The process died; the next request starts a new one.
        """

    def generate(self, request: Generate) -> Iterator[Event]:
        """Answer a conversation.

        After a crash the last model is loaded again first, and the stream begins with the
        `Loading` and `Loaded` events of that load.

        Raises:
            ImageError: A picture of the conversation can't be decoded.
            ContextOverflow: One message alone is larger than the context.
            GenerateFailed: llama.cpp refused.
            EngineCrashed: The process died; the next request starts a new one.
        """

    def prepare(self, request: Prepare) -> Iterator[Event]:
        """Read ahead, with a model that is loaded and can; does nothing where there is none.

        What goes wrong here goes wrong once more when the question is asked.

        Raises:
            EngineError, ImageError: As in `generate`.
        """

    def unload(self) -> None:
        """Give back all memory of the model: the process ends. Only when no request runs."""

    def plan(self, request: Load) -> Planned:
        """Simulate a load; blocks for a moment, and leaves what is loaded alone.

        Raises:
            LoadFailed: The model can't be loaded, or its backend can't simulate.
            EngineCrashed: The simulation died.
        """

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Tell what pictures would take, in tokens; blocks for a moment.

        Empty where nobody can tell: nothing is loaded, or it runs on a server.
        """

    def cancel(self) -> None:
        """Ask the running request to stop, from any thread; returns at once.

        It stops when what can't be divided is done: a step of the prefill, a picture. A `Notice`
        tells when that takes long. Does nothing when no request runs.
        """

    def conclude(self) -> None:
        """Ask the running request to end its thought and to answer, from any thread.

        Returns at once. Does nothing where nothing is thought, or the engine can't (see
        `Capability`).
        """

    def abort(self) -> None:
        """End the running request now, with the process, from any thread; returns at once.

        The stream ends as if it had been cancelled. The next request starts a new process and
        loads the model again. Does nothing when no request runs.
        """

    def close(self) -> None:
        """End the process; at most a few seconds, with a kill at the end. Safe to call twice."""

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None while it does not run."""

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded."""
