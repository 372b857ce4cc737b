"""Answers by a form: JSON Schema, choices and patterns become grammars, and answers are checked.

Pure: neither llama.cpp nor a server is known here. What can't be enforced is refused by its path.
"""
