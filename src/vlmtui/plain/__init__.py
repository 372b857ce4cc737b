"""The chat line by line: for screen readers, dumb terminals, bad lines and scripts.

The same conversations, models and commands as in the full-screen chat, printed as whole lines:
nothing is redrawn, nothing blinks, no escape sequence is sent but readline's. Knows no Textual.
"""
