"""`vlmtui ask`: a question, or a few in one conversation, answered on standard output.

It talks to the engine directly and stores nothing.
"""

from __future__ import annotations

from vlmtui.ask.conversation import answer
from vlmtui.ask.question import Question

__all__ = ["Question", "answer"]
