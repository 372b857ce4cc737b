"""What the machine is doing: memory, GPU, temperatures."""
