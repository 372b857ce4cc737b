"""Several files of a repository that may be meant, to choose the one that is fetched."""

from __future__ import annotations

from vlmtui import printable, units
from vlmtui.models.download.states import Candidate, Question
from vlmtui.models.download.target import NO_TOWER
from vlmtui.ui.screens.dialogs.chooser import Choice, Chooser

_NAME = 36
_USUAL = "q4_k_m"


class FilePicker(Chooser):
    """Returns the name of a file, `NO_TOWER`, or None."""

    placeholder = "Type part of its name"
    hints = (("Enter", "download it"), ("Esc", "download none"))

    def __init__(self, wanted: str, question: Question) -> None:
        usual = [each.name for each in question.candidates if _USUAL in each.name.lower()]
        super().__init__(_rows(question), usual[0] if usual else "")
        self.wanted = wanted
        what = "file" if question.role == "model" else "vision tower (mmproj)"
        self.title_text = f"Which {what} of {printable.line(wanted, _NAME)}?"

    def judge(self, question: Question) -> None:
        """Show how the files would fit, now that it is known."""
        self.replace(_rows(question))


def _rows(question: Question) -> list[Choice]:
    rows = [
        Choice(each.name, each.name, "", f"{units.size(each.size):>7}  {_verdict(each):<7}")
        for each in question.candidates
    ]
    if question.role == "mmproj":
        rows.append(Choice(NO_TOWER, "none", "", f"{'text only':<16}"))
    return rows


def _verdict(candidate: Candidate) -> str:
    return "…" if candidate.verdict is None else candidate.verdict.replace("?", "")
