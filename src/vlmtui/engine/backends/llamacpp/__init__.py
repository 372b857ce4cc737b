"""llama.cpp with vision, over the low-level bindings of llama-cpp-python."""
