"""Decode speed: vlmtui's engine against a bare loop of `llama_decode` in a process of its own.

The bare loop has nothing but decode and C sampling in it: no stop rules, no text, no events, no
socket. Both run with the same files, context, batch and threads, taking turns.

    python -m bench.decode              # the larger model, whose ratio it is, and the demo model
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import user

PROMPT = "Tell me a long story."
CONTEXT = 1024
BATCH = 512
TOKENS = {"large": 64, "small": 512, "demo": 512}
"""Tokens of one measurement, for half a second or so: the speed of a shared machine wanders by 10 %
within a few, so the ratio is taken between neighbours in time."""


class Ours:
    """The public engine; text only, greedy."""

    def __init__(self, model: report.Model, threads: int, tokens: int, log: Path) -> None:
        self._engine = EngineClient(log)
        self._tokens = tokens
        load = Load(Files(str(model.path)), model.name, ctx=CONTEXT, threads=threads, batch=BATCH)
        for _ in self._engine.load(load):
            pass

    def measure(self) -> float:
        """Tokens per second, as the app sees them arrive."""
        # temperature above 0 and a fixed seed keep a trained model from ending early
        sampling = Sampling(
            temperature=50, top_k=0, top_p=1, min_p=0, seed=1, max_tokens=self._tokens
        )
        arrived: list[tuple[float, int]] = []
        for event in self._engine.generate(Generate((user(PROMPT),), sampling)):
            if isinstance(event, Delta):
                arrived.append((time.perf_counter(), event.tokens))
        (began, first), (ended, last) = arrived[0], arrived[-1]
        return (last - first) / (ended - began)

    def close(self) -> None:
        self._engine.close()


class Bare:
    """The loop, in a child process that measures when told to."""

    def __init__(self, model: report.Model, threads: int, tokens: int) -> None:
        command = [sys.executable, "-m", "bench.decode", "--bare", str(model.path)]
        command += [str(threads), str(tokens)]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._read()

    def measure(self) -> float:
        """Tokens per second."""
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return float(self._read())

    def close(self) -> None:
        self._child.communicate(timeout=30)

    def _read(self) -> str:
        assert self._child.stdout is not None
        return self._child.stdout.readline()


def bare_loop(path: str, threads: int, tokens: int) -> None:
    """Measure at each line on standard input; runs in the child."""
    from llama_cpp import llama_cpp as cpp

    quiet = cpp.llama_log_callback(lambda *_: None)
    cpp.llama_log_set(quiet, None)
    cpp.llama_backend_init()
    model = cpp.llama_model_load_from_file(path.encode(), cpp.llama_model_default_params())
    parameters = cpp.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = CONTEXT, BATCH, BATCH
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.no_perf = True
    context = cpp.llama_init_from_model(model, parameters)
    vocabulary = cpp.llama_model_get_vocab(model)
    prompt = (cpp.llama_token * 64)()
    text = PROMPT.encode()
    length = cpp.llama_tokenize(vocabulary, text, len(text), prompt, len(prompt), True, True)
    sampler = cpp.llama_sampler_chain_init(cpp.llama_sampler_chain_default_params())
    cpp.llama_sampler_chain_add(sampler, cpp.llama_sampler_init_temp(50))
    cpp.llama_sampler_chain_add(sampler, cpp.llama_sampler_init_dist(1))
    print("ready", flush=True)
    for _ in sys.stdin:
        cpp.llama_memory_clear(cpp.llama_get_memory(context), True)
        cpp.llama_decode(context, cpp.llama_batch_get_one(prompt, length))
        token = (cpp.llama_token * 1)(cpp.llama_sampler_sample(sampler, context, -1))
        began = time.perf_counter()
        for _ in range(tokens - 1):
            if cpp.llama_decode(context, cpp.llama_batch_get_one(token, ctypes.c_int32(1))):
                raise SystemExit("llama_decode failed")
            token[0] = cpp.llama_sampler_sample(sampler, context, -1)
        print((tokens - 1) / (time.perf_counter() - began), flush=True)


def compare(name: str, threads: int, repeats: int) -> dict[str, object]:
    """Measure one model on both sides."""
    model = report.find_model(name)
    tokens = TOKENS[name]
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Ours | Bare] = {
            "vlmtui": Ours(model, threads, tokens, Path(folder, "engine.log")),
            "bare": Bare(model, threads, tokens),
        }
        rates: dict[str, list[float]] = {"vlmtui": [], "bare": []}
        for each in sides.values():
            each.measure()
        for repeat in range(repeats):
            for side in sides if repeat % 2 else reversed(sides):
                rates[side].append(sides[side].measure())
        for each in sides.values():
            each.close()
    pairs = [ours / bare for ours, bare in zip(rates["vlmtui"], rates["bare"], strict=True)]
    return {
        "model": model.name,
        "threads": threads,
        "tokens": tokens,
        "tokens_per_s": {side: report.spread(values) for side, values in rates.items()},
        "ratio": round(statistics.median(pairs), 4),
    }


def main() -> None:
    if sys.argv[1:2] == ["--bare"]:
        bare_loop(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    parser = report.arguments(__doc__, repeats=25)
    parser.add_argument("--model", choices=TOKENS, action="append", help="repeatable")
    parser.add_argument(
        "--threads", type=int, default=0, help="default: all cores, but one for tiny models"
    )
    options = parser.parse_args()
    results = []
    for name in options.model or ["large", "demo"]:
        threads = options.threads or (os.cpu_count() or 1 if name == "large" else 1)
        results.append(compare(name, threads, options.repeats))
    figures = {
        "repeats": options.repeats,
        "load_average": round(os.getloadavg()[0], 2),
        "models": results,
        "ratio": results[0]["ratio"],
    }
    table: list[tuple[str, ...]] = [("model", "threads", "vlmtui", "bare loop", "ratio")]
    for result in results:
        rates = result["tokens_per_s"]
        assert isinstance(rates, dict)
        speeds = (f"{rates[side]['median']:.1f} tokens/s" for side in ("vlmtui", "bare"))
        table.append((str(result["model"]), str(result["threads"]), *speeds, str(result["ratio"])))
    title = f"decode speed, median of {options.repeats}"
    report.show(title, figures, table, options.json)


if __name__ == "__main__":
    main()
