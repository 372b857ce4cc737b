"""Checkpoints into GGUF: PyTorch's and safetensors files, AWQ among them, as llama.cpp loads them.

`importing` is what others call; it has the work done by a process of its own (`process`), the only
one that imports NumPy. There `checkpoint` tells what lies in a directory, `llama`, `siglip_tower`,
`clip_tower` and `qwen_tower` plan the tensors of the two files, and `writer` writes them one after
the other.
"""
