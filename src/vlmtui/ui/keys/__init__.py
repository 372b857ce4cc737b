"""Keys, as people write them, as Textual has them, and as they are shown."""
