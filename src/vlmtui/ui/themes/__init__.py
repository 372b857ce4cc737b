"""Colour themes: their files, and which one is worn."""
