"""What is told of the engine, the machine and answers, as labels and values."""
