"""Graphs made of vision towers, in a process of its own: the one with NumPy, onnx and TensorRT."""
