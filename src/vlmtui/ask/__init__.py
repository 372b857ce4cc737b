"""`vlmtui ask`: a question, or a few in one conversation, answered on standard output.

It talks to the engine directly, and stores nothing unless that is asked for.
"""
