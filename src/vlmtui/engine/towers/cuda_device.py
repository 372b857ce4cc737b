"""The GPU that CUDA takes first, asked of the driver itself: no package is needed for it."""

from __future__ import annotations

import ctypes

from vlmtui.errors import ConversionFailed

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""


def name() -> str:
    """What it is: "Orin, compute capability 8.7".

    Raises:
        ConversionFailed: There is none that CUDA can use.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise ConversionFailed(
            "NVIDIA's driver isn't on this machine (libcuda.so.1 can't be loaded)",
            "TensorRT engines are built on the board that they run on.",
        ) from error
    device = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGet(ctypes.byref(device), 0) != 0:
        raise ConversionFailed(
            "There is no GPU that CUDA can use", "In a container, start it with --runtime nvidia."
        )
    called = ctypes.create_string_buffer(256)
    cuda.cuDeviceGetName(called, len(called), device)
    version = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        version.append(str(value.value))
    return f"{called.value.decode(errors='replace')}, compute capability {'.'.join(version)}"
