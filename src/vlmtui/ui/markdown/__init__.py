"""Markdown, laid out line by line while it grows."""
