"""The chat screen and its topics."""
