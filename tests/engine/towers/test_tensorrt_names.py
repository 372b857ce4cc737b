"""What our code names of TensorRT is there, in versions 10.3 to 11.

The bindings are NVIDIA's own, from the package index; the libraries that they want are stubs with
the few functions that they look up. So names, methods and enumerations can be checked, and nothing
can be built or run.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VERSIONS = ("10.3.0", "10.13.3.9", "11.4.0.106")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "initLibNvInferPlugins",
    "getPluginRegistry",
    "getLogger",
    "getInferLibVersion",
    "getInferLibMajorVersion",
    "getInferLibMinorVersion",
    "getInferLibPatchVersion",
    "getInferLibBuildVersion",
)

NAMED = {
    "Builder": ["create_network", "create_builder_config", "build_serialized_network"],
    "IBuilderConfig": ["set_memory_pool_limit", "progress_monitor"],
    "OnnxParser": ["parse_from_file", "num_errors", "get_error"],
    "ParserError": ["desc"],
    "Runtime": ["deserialize_cuda_engine"],
    "ICudaEngine": ["create_execution_context", "get_tensor_shape"],
    "IExecutionContext": ["set_tensor_address", "execute_async_v3"],
    "ILogger": ["Severity"],
    "IProgressMonitor": ["phase_start", "step_complete", "phase_finish"],
}
ENUMS = {
    "NetworkDefinitionCreationFlag": ["STRONGLY_TYPED"],
    "MemoryPoolType": ["WORKSPACE"],
}

QUESTION = """
import json, sys, types
sys.path.insert(0, {bindings!r})
import tensorrt_bindings as trt
sys.modules["tensorrt"] = trt
names, enums = json.loads({wanted!r})
missing = [
    f"{{kind}}.{{name}}"
    for kind, members in {{**names, **enums}}.items()
    for name in members
    if not hasattr(getattr(trt, kind, None), name)
]
if not trt.ILogger.Severity.ERROR <= trt.ILogger.Severity.WARNING:
    missing.append("severities are ordered otherwise")
from vlmtui.engine.towers import tensorrt_builder, tensorrt_log
monitor = tensorrt_builder._monitor(trt, lambda fraction, phase: told.append((fraction, phase)))
told = []
monitor.phase_start("Building", None, 4)
monitor.phase_start("Inner", "Building", 2)
assert monitor.step_complete("Inner", 0)
assert monitor.step_complete("Building", 1)
monitor.phase_finish("Building")
tensorrt_log.logger(trt).log(trt.ILogger.Severity.ERROR, "a word")
print(json.dumps([missing, told, tensorrt_builder.version()]))
"""


@pytest.fixture(scope="module", params=VERSIONS)
def bindings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bindings of a version, unpacked, and stubs of the libraries that they want."""
    if platform.machine() != "x86_64" or sys.version_info[:2] != (3, 11):
        pytest.skip("the package index has bindings of all three versions for one Python only")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler for the stubs")
    folder: Path = tmp_path_factory.mktemp("tensorrt")
    wheel = f"tensorrt-cu12-bindings=={request.param}"
    given = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", *given, wheel],
        capture_output=True,
        text=True,
    )
    if fetched.returncode:
        pytest.skip(f"{wheel} can't be had: {fetched.stderr.strip().splitlines()[-1]}")
    shutil.unpack_archive(next(folder.glob("*.whl")), folder, "zip")
    source = folder / "stubs.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    major = request.param.partition(".")[0]
    for library in ("nvinfer", "nvonnxparser", "nvinfer_plugin"):
        name = f"lib{library}.so.{major}"
        made = ["-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name), str(source)]
        subprocess.run([compiler, *made], check=True)
    return folder


def test_every_name_is_there_and_the_progress_is_told(
    bindings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(bindings))
    wanted = json.dumps([NAMED, ENUMS])
    asked = subprocess.run(
        [sys.executable, "-c", QUESTION.format(bindings=str(bindings), wanted=wanted)],
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 0, asked.stderr
    missing, told, version = json.loads(asked.stdout)
    assert missing == []
    assert told == [[0.0, "Building"], [0.5, "Building"], [1.0, "Building"]]
    assert version.startswith(("10.", "11."))
    assert "TensorRT: a word" in asked.stderr


def test_nothing_else_of_tensorrt_is_named() -> None:
    """What our modules say `trt.` of stands in the lists above."""
    import re

    from vlmtui.engine.backends.llamacpp import tensorrt_tower
    from vlmtui.engine.towers import tensorrt_builder, tensorrt_log

    modules = (tensorrt_tower, tensorrt_builder, tensorrt_log)
    sources = [Path(module.__file__ or "").read_text() for module in modules]
    named = {name for source in sources for name in re.findall(r"\btrt\.([A-Z]\w+)", source)}
    assert named <= {*NAMED, *ENUMS}
