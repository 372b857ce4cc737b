"""vlmtui: a terminal chat client for vision-language models on your own hardware."""

__version__ = "0.1.0"
