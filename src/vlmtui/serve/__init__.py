"""`vlmtui serve`: the engine for other programs, over OpenAI's protocol (chat completions)."""
