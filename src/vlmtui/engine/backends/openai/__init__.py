"""Models that a server runs, over OpenAI's protocol: chat completions."""
