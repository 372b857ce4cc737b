"""Whether llama.cpp can work with a grammar, tried in a copy of this process before it is used.

A grammar of a few lines can double the work of llama.cpp's parser, or of a single token, time and
again, and others end the process by an assertion or a full stack. Nothing that runs in there hears
a cancel. A copy (`fork`) has the vocabulary in memory already, and can be ended at any time.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import random
import resource
import select
import signal
import sys
import time
import warnings
from collections import deque
from contextlib import suppress
from typing import NoReturn

from vlmtui.engine.backends.llamacpp import llama_logs
from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.grammar import Grammar, Unreadable
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.render_limits import bounded_memory
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError

_CPU_S = 3.0
"""Seconds of computing that a trial may take. One look at the 150,000 tokens of a vocabulary takes
0.03 s here, ten times that on a slow board, and a trial looks a few times."""

_MORE_MEMORY = 512 * 1024 * 1024
_WALK_S, _LOOKS, _TRIED = 0.05, 3, 40
"""A walk ends after so much computing, and looks at all tokens so many times; then at some."""

_STEP_S, _LOOK_S = 0.02, 1e-5
"""What a step may take, and for each token of the vocabulary where all are looked at. A grammar
looks at a token in less than a microsecond, unless its states multiply."""

_WAIT_S = 60.0
"""For a copy that gets nowhere: what is done meanwhile is computing, on a busy machine too."""

_MOST_SAID = 10_000
_KEPT = 16
_PASSED, _REFUSED, _SLOW = 0, 3, 4


class GrammarTrial:
    """Tries the grammars of one model's answers, each once."""

    def __init__(self, vocabulary: Vocabulary, cancel: CancelFlag) -> None:
        self._vocabulary = vocabulary
        self._cancel = cancel
        self._passed: deque[str] = deque(maxlen=_KEPT)

    def check(self, constraint: Constraint | None) -> None:
        """See that answers can be held to a constraint.

        Raises:
            InputError: They can't.
            Aborted: It was cancelled.
        """
        if constraint is None:
            return
        text = constraints.grammar(constraint)
        if text in self._passed:
            return
        name = {"grammar": "grammar", "regex": "pattern"}.get(constraint.kind, "format")
        status, output = self._tried(text)
        if status == _REFUSED:
            raise InputError(
                f"llama.cpp can't use this {name}{f': {output}' if output else ''}",
                "Correct it; llama.cpp's grammars/README.md explains the syntax.",
            )
        if status in (_SLOW, -signal.SIGVTALRM, -signal.SIGKILL):
            raise InputError(
                f"This {name} is too much work for llama.cpp: a single word could take it minutes",
                'Don\'t let the same text match in several ways, as in ("a" | "aa")*, and repeat '
                "less within repetitions.",
            )
        if status != _PASSED:
            raise InputError(
                f"llama.cpp gives up on this {name}", "Make it simpler: nest less, repeat less."
            )
        self._passed.append(text)

    def _tried(self, text: str) -> tuple[int, str]:
        """How a copy of this process ends that works with a grammar, and its complaint."""
        reading, writing = os.pipe()
        sys.stderr.flush()
        _ = self._vocabulary.candidates  # made once, not in each copy
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # its threads aren't needed
                child = os.fork()
        except OSError:  # no memory for it: `Grammar` still ends a process that gets stuck
            os.close(reading)
            os.close(writing)
            return _PASSED, ""
        if child == 0:
            _work(text, self._vocabulary, writing)
        os.close(writing)
        try:
            return self._outcome(child, reading)
        finally:
            os.close(reading)

    def _outcome(self, child: int, reading: int) -> tuple[int, str]:
        output = bytearray()
        line = select.poll()
        line.register(reading, select.POLLIN)
        deadline = time.monotonic() + _WAIT_S
        ended = False
        try:
            while not ended and time.monotonic() < deadline:
                if self._cancel.is_set:
                    raise Aborted
                if line.poll(50):
                    piece = os.read(reading, 4096)
                    output += piece[: _MOST_SAID - len(output)]
                    ended = not piece
        finally:
            if not ended:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), _complaint(output.decode(errors="replace"))


def _complaint(output: str) -> str:
    """What llama.cpp says is wrong with a grammar: its parser uses no log."""
    for line in output.splitlines():
        if why := line.rpartition("error parsing grammar: ")[2] if "parsing" in line else "":
            return "it needs too much memory" if "bad_alloc" in why else why[:200]
    return output.rpartition("\0")[2].strip()[:200]


# ------------------------------------------------------------------------------------ in the copy


def _work(text: str, vocabulary: Vocabulary, writing: int) -> NoReturn:
    """Work with a grammar in this process, which was made for it, and end it."""
    status = 1
    try:
        faulthandler.disable()
        os.dup2(writing, 2)
        signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_S)
        with suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
            )
        llama_logs.clear()
        with bounded_memory(_MORE_MEMORY):
            status = _walk(text, vocabulary)
    except Unreadable:
        status = _REFUSED
        os.write(2, b"\0" + llama_logs.last_complaint().encode())
    finally:
        os._exit(status)


def _walk(text: str, vocabulary: Vocabulary) -> int:
    """Answer at random for a while, as a model might: at first any token, then what is at hand."""
    chance, tokens = random.Random(1), range(vocabulary.size)
    grammar, looks = Grammar(text, vocabulary), 0
    while looks < _LOOKS or time.process_time() < _WALK_S:
        began, most, token = time.process_time(), _STEP_S, None
        if looks >= _LOOKS:
            tried = chance.sample(tokens, min(_TRIED, len(tokens)))
            token = next((each for each in tried if grammar.allows(each)), None)
        if token is None:
            looks += 1
            most += len(tokens) * _LOOK_S
            token = _drawn(grammar, vocabulary)
        if goes_on := token is not None and not vocabulary.ends_turn(token):
            grammar.accept(token)
        if time.process_time() - began > most:
            return _SLOW
        if not goes_on:
            grammar = Grammar(text, vocabulary)
    return _PASSED


def _drawn(grammar: Grammar, vocabulary: Vocabulary) -> int | None:
    """Any token that fits; None where none does."""
    candidates = vocabulary.candidates.alike()
    grammar.apply(candidates)
    for sampler in (cpp.llama_sampler_init_greedy(), cpp.llama_sampler_init_dist(1)):
        cpp.llama_sampler_apply(sampler, ctypes.byref(candidates))
        if candidates.data[candidates.selected].logit < 0:  # dist can't have nothing to draw from
            return None
    token = int(candidates.data[candidates.selected].id)
    return token if grammar.allows(token) else None
