"""A loaded model: the weights, the context with its KV cache, and libmtmd's vision tower.

Owns the C objects and frees them. Loads with progress, and can be cancelled between tensors.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

from vlmtui import units
from vlmtui.engine import grounding, trained_questions
from vlmtui.engine.backends.llamacpp import (
    checkpoints,
    chunks,
    forms,
    llama_logs,
    parameters,
    simulated_load,
)
from vlmtui.engine.backends.llamacpp.bindings import cpp, mtmd
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary
from vlmtui.engine.backends.llamacpp.thread_watch import ThreadWatch, others_running, whole_machine
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import LoadFailed, OutOfMemory, os_errors_as


class LoadCancelled(Exception):
    """The user stopped a load."""


class LoadedModel:
    """A model that is ready to decode. `close` gives all memory back."""

    def __init__(
        self,
        request: Load,
        cancel: CancelFlag,
        progress: Callable[[float], None],
        *,
        tower: bool = True,
    ) -> None:
        """Load, with libmtmd's vision tower unless `tower` says no; `progress` hears 0 to 1.

        `cancel` stops the load when set, and later any `llama_decode` of this model.

        Raises:
            LoadFailed: With the file, the reason and what to do.
            LoadCancelled: The flag was set.
        """
        started = time.monotonic()
        self.model: Any = None
        self.context: Any = None
        self.vision: Any = None
        self.form: forms.Form | None = None
        """How pictures are prepared; None leaves it to libmtmd."""

        self.cancel = cancel
        self._threads = parameters.threads(request)
        self._thread_watch = _watch(request, self._threads)
        self.sees = request.files.mmproj is not None
        """It takes pictures, whoever runs the tower."""

        llama_logs.clear()
        try:
            self._load(request, progress, request.files.mmproj if tower else None)
        except BaseException:
            self.close()
            raise
        self._ask_for_facts()
        names = (self.metadata(f"general.{key}") or "" for key in ("architecture", "name"))
        self.questions: dict[str, str] = {}
        """See `ModelInfo.questions`."""
        if self.sees:
            self.questions = trained_questions.of(
                *names, request.title, os.path.basename(request.files.model)
            )
        self._load_s = time.monotonic() - started

    def _load(self, request: Load, progress: Callable[[float], None], mmproj: str | None) -> None:
        """Load one file after the other; each moves the progress by its share of the bytes."""
        model = request.files.model
        _check_file(model, "model")
        if mmproj is not None:
            _check_file(mmproj, "mmproj")
        sizes = [os.path.getsize(file) for file in (model, mmproj) if file]
        share = sizes[0] / sum(sizes)
        self._load_weights(request, lambda done: progress(done * share))
        if mmproj is not None:
            given = parameters.for_vision(request, self._threads)
            self._load_vision(mmproj, given, lambda done: progress(share + done * (1 - share)))
        self._create_context(request)

    def _ask_for_facts(self) -> None:
        self.vocabulary = Vocabulary(self.model)
        self.memory = cpp.llama_get_memory(self.context)
        self.context_size: int = cpp.llama_n_ctx(self.context)
        self.context_trained: int = cpp.llama_model_n_ctx_train(self.model)
        self.parameters: int = cpp.llama_model_n_params(self.model)
        self.picture_step: int = cpp.llama_n_ubatch(self.context)
        """Tokens of a picture that are read in one step."""

        self.part_limit = self.picture_step if self._looks_both_ways() else self.context_size
        """Tokens at most that a part of a picture should have."""

        self.goes_back = checkpoints.goes_back(self.model)
        """Its memory can be cut anywhere."""

        self.embedding_size: int = cpp.llama_model_n_embd_inp(self.model)

    def describe(
        self, request: Load, template: str, picture_tokens: tuple[int, int] | None
    ) -> ModelInfo:
        """What was loaded, for the user."""
        files = request.files
        return ModelInfo(
            name=request.title,
            source=request.source,
            can=frozenset(
                ("plan", "continue", "prepare", "constraint") + (("pictures",) if self.sees else ())
            ),
            architecture=self.metadata("general.architecture") or "",
            description=_description(self.model),
            parameters=self.parameters,
            size_bytes=cpp.llama_model_size(self.model),
            vision_bytes=os.path.getsize(files.mmproj) if files.mmproj and self.sees else 0,
            context_size=self.context_size,
            context_trained=self.context_trained,
            template=template,
            questions=self.questions,
            picture_tokens=picture_tokens,
            gpu=bool(cpp.llama_supports_gpu_offload()),
            load_s=self._load_s,
        )

    def adapt_threads(self) -> None:
        """Have as many threads for the next step as there are free processors."""
        if (
            self._thread_watch is not None
            and (threads := self._thread_watch.threads()) != self._threads
        ):
            self._threads = threads
            cpp.llama_set_n_threads(self.context, threads, threads)

    def metadata(self, key: str) -> str | None:
        """A value of the file's metadata as text, None where it has no such key."""
        name = key.encode()
        size = cpp.llama_model_meta_val_str(self.model, name, None, 0)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        cpp.llama_model_meta_val_str(self.model, name, buffer, len(buffer))
        return buffer.value.decode("utf-8", errors="replace")

    @property
    def finds_boxes(self) -> bool:
        """It tells where things are, if it gets enough of a picture."""
        return self.metadata("general.architecture") in grounding.FINDERS

    def chat_template(self) -> str | None:
        template = cpp.llama_model_chat_template(self.model, None)
        return template.decode("utf-8", errors="replace") if template else None

    def close(self) -> None:
        """Free everything. Safe to call twice."""
        if self.vision is not None:
            mtmd.mtmd_free(self.vision)
            self.vision = None
        if self.context is not None:
            cpp.llama_free(self.context)
            self.context = None
        if self.model is not None:
            cpp.llama_model_free(self.model)
            self.model = None

    def _load_weights(self, request: Load, progress: Callable[[float], None]) -> None:
        given = parameters.for_weights(request)
        if given.n_gpu_layers == 0 and simulated_load.is_repacked(request):
            given.load_mode = simulated_load.LOAD_MODE_NONE
        given.progress_callback = cpp.llama_progress_callback(self._watch(progress))
        path = request.files.model
        self.model = cpp.llama_model_load_from_file(os.fsencode(path), given)
        if self.model is None:
            self._fail(path, "load the model", _model_hint(llama_logs.last_complaint()))

    def _create_context(self, request: Load) -> None:
        given = parameters.for_context(request, self.model, self._threads, self._whole_part())
        given.abort_callback = cpp.ggml_abort_callback(self.cancel.abort_callback)
        given.abort_callback_data = self.cancel.abort_data
        self.context = cpp.llama_init_from_model(self.model, given)
        if self.context is None:
            self._fail(
                request.files.model,
                f"make a context of {given.n_ctx:,} tokens for",
                _context_hint(llama_logs.last_complaint()),
            )

    def _load_vision(self, path: str, given: Any, progress: Callable[[float], None]) -> None:
        given.progress_callback = mtmd.mtmd_progress_callback(self._watch(progress))
        self.vision = mtmd.mtmd_init_from_file(os.fsencode(path), self.model, given)
        if self.vision is None:
            self._fail(path, "load the vision tower", _mmproj_hint(llama_logs.last_complaint()))
        if not mtmd.mtmd_support_vision(self.vision):
            raise LoadFailed(f"{path} holds no vision tower", "Choose an mmproj file for pictures.")
        self.form = forms.of_file(path)
        if self.form is not None:
            forms.check(self.form, self.vision, path)

    def _looks_both_ways(self) -> bool:
        """Whether the tokens of a picture's part see those behind them too: Gemma 3 and 4."""
        return self.vision is not None and mtmd.mtmd_decode_use_non_causal(self.vision, None)

    def _whole_part(self) -> int:
        """Tokens that must be read in one step, 0 where any number will do.

        Cut into two steps, the first half of such a part would not see the second; llama.cpp reads
        on without a word. Gemma 4 makes up to 1,120 tokens of a picture.
        """
        if not self._looks_both_ways():
            return 0
        try:
            return chunks.largest_part(self.vision)
        except chunks.Refused:
            return 0  # pictures will be refused

    def _watch(self, progress: Callable[[float], None]) -> Callable[[float, object], bool]:
        def report(done: float, _user_data: object) -> bool:
            progress(done)
            return not self.cancel.is_set

        return report

    def _fail(self, path: str, what: str, hint: str) -> None:
        if self.cancel.is_set:
            raise LoadCancelled
        reason = llama_logs.last_complaint() or "llama.cpp gave no reason"
        kind = OutOfMemory if llama_logs.memory_was_short() else LoadFailed
        raise kind(f"llama.cpp can't {what} {path}: {reason}", hint)


def _watch(request: Load, threads: int) -> ThreadWatch | None:
    """What says how many threads are worth having; None where their number stands."""
    if request.threads or threads == 1 or not whole_machine():
        return None
    return ThreadWatch(threads, parameters.usable_cpus(), others_running)


def _check_file(path: str, what: str) -> None:
    wrong = os_errors_as(LoadFailed, f"The {what} file {path} can't be read", "Check the path.")
    with wrong, open(path, "rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        found = "it is empty" if not magic else f"it begins with {repr(magic)[1:]}"
        raise LoadFailed(
            f"{path} is not a GGUF file: {found}",
            "Was the download complete? A page saved instead of the file begins with '<!DO'.",
        )


def _model_hint(reason: str) -> str:
    reason = reason.lower()
    if "clip" in reason:
        return "This is an mmproj file: give it to --mmproj, and the language model to --model."
    if "architecture" in reason:
        return "This version of llama.cpp does not know the model; update llama-cpp-python."
    if llama_logs.memory_was_short():
        return "Memory is low: close other programs, or use a smaller model."
    return "The file may be incomplete or damaged; download it again."


def _context_hint(reason: str) -> str:
    if "block size" in reason:
        return "This model's KV cache can't be quantised so: use f16."
    return "Memory is probably low: try a smaller context, --ctx 2048."


def _mmproj_hint(reason: str) -> str:
    if "n_embd" in reason or "mismatch" in reason:
        return "This mmproj belongs to another model; use the one published beside the model."
    return "The file may be damaged, or not an mmproj; use the one published beside the model."


def _text(fill: Callable[[Any], int]) -> str:
    buffer = ctypes.create_string_buffer(256)
    fill(buffer)
    return buffer.value.decode("utf-8", errors="replace")


def _description(model: Any) -> str:
    """llama.cpp's line about a model, with the size that its file has.

    llama.cpp's own is told by the number of layers: "256M" for a model of 135M, "?B" for others.
    """
    description = _text(lambda buffer: cpp.llama_model_desc(model, buffer, len(buffer)))
    architecture, _, kinds = description.partition(" ")
    size = units.count(cpp.llama_model_n_params(model))
    return " ".join((architecture, size, kinds.partition(" ")[2])).rstrip()
