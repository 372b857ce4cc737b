"""What models that read documents were trained to be asked.

They understand little else. Which family a model is of is told by its file's name for itself or its
architecture; the questions are those of the model cards.
"""

from __future__ import annotations

from vlmtui.engine.engine_events import Notice
from vlmtui.messages import Message, Role, TextPart

_FAMILIES: dict[tuple[str, ...], dict[str, str]] = {
    ("glm-ocr", "glm ocr"): {
        "text": "Text Recognition:",
        "table": "Table Recognition:",
        "formula": "Formula Recognition:",
    },
    ("paddleocr",): {
        "text": "OCR:",
        "table": "Table Recognition:",
        "formula": "Formula Recognition:",
        "chart": "Chart Recognition:",
    },
    ("deepseek-ocr", "deepseek2-ocr"): {
        "text": "Free OCR.",
        "markdown": "Convert the document to markdown.",
    },
    ("dots.ocr", "dots-ocr", "dots ocr"): {"text": "Extract the text content from this image."},
    ("hunyuanocr", "hunyuan-ocr", "hunyuan ocr"): {
        "text": "Extract the text in the image.",
        "places": "Detect and recognize text in the image, and output the text coordinates in a "
        "formatted manner.",
    },
    ("granite-docling", "granite docling"): {"text": "Convert this page to docling."},
}
"""By words in a model's name or architecture: questions by what they are for, the usual one first.
LightOnOCR is no entry: it is asked nothing, and needs no words."""


def of(*names: str) -> dict[str, str]:
    """The questions of a model that goes by these names; none for a model that talks."""
    words_of_names = " ".join(names).lower().replace("_", "-")
    for words, questions in _FAMILIES.items():
        if any(word in words_of_names for word in words):
            return dict(questions)
    return {}


def worded(messages: tuple[Message, ...], question: str) -> tuple[Message, ...]:
    """The messages, with a question for pictures that were sent without words."""
    if not question:
        return messages
    return tuple(
        Message(message.role, (*message.images, TextPart(question)))
        if message.role is Role.USER and message.images and not message.text.strip()
        else message
        for message in messages
    )


def notice(title: str, questions: dict[str, str]) -> Notice | None:
    """What the user must know of a model that was trained for questions of its own."""
    if not questions:
        return None
    usual, *others = questions
    more = f"/preset {' or '.join(others)} asks for that; " if others else ""
    return Notice(
        "question",
        f"{title} reads documents: a picture without a question gets {questions[usual]!r}",
        f"{more}/set question TEXT changes it; a question of your own comes first.",
    )
