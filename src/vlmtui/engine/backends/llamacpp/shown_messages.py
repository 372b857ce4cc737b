"""What of a conversation a model is shown: pictures as it can see them, questions it can answer."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from vlmtui.engine import trained_questions
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_units import count_image_tokens
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.engine_events import Event, Notice, Unseen
from vlmtui.engine.engine_requests import Generate, Measure, Prepare
from vlmtui.engine.grounding import asks_for_boxes
from vlmtui.messages import Detail, ImagePart, Message, Role, TextPart


class ShownMessages:
    """What one loaded model is shown; each thing that it can't have is told of once."""

    def __init__(self, name: str, model: LoadedModel, vision: VisionTower) -> None:
        self._name = name
        self._model = model
        self._vision = vision
        self._usual = next(iter(model.questions.values()), "")
        self._noticed: set[str] = set()
        """Pictures that the model doesn't see, and "detail"."""

        self.choice = vision.choice() if model.sees else None
        """Least and most tokens of a square picture; None for a model that sees none."""

    def asked(self, request: Generate, emit: Callable[[Event], None]) -> tuple[Message, ...]:
        """The messages of a question, in the detail that is wanted."""
        sampling = request.sampling
        messages = trained_questions.worded(request.messages, sampling.question or self._usual)
        messages = self._seen(messages, emit)
        self._tell_choice(messages, sampling.detail, emit)
        return self._detailed(messages, sampling.detail)

    def ahead(self, request: Prepare) -> tuple[Message, ...]:
        """The messages of a question that is still being written."""
        *earlier, last = request.messages
        messages = (*trained_questions.worded(tuple(earlier), self._usual), last)
        messages = messages if self._model.sees else _without_images(messages)
        return self._detailed(messages, request.detail)

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Tokens of pictures, each in its detail."""
        if self.choice is None:
            return ()
        detail = self._detail(request.detail, boxes=request.boxes)
        settled = [self._vision.settled(image, detail) for image in request.images]
        return tuple(count_image_tokens(self._vision.layout(image)) for image in settled)

    def _detail(self, detail: Detail, *, boxes: bool) -> Detail:
        """The detail of a conversation: where boxes are asked of it, Qwen-VL looks closely."""
        finer = boxes and detail == "normal" and self._model.finds_boxes
        return "high" if finer else detail

    def _detailed(self, messages: tuple[Message, ...], detail: Detail) -> tuple[Message, ...]:
        """The messages with the tokens that their pictures are going to take."""
        if self.choice is None:
            return messages
        asked = (message.text for message in messages if message.role is Role.USER)
        detail = self._detail(detail, boxes=any(map(asks_for_boxes, asked)))
        return tuple(
            Message(
                message.role,
                tuple(
                    self._vision.settled(part, detail) if isinstance(part, ImagePart) else part
                    for part in message.parts
                ),
            )
            for message in messages
        )

    def _seen(
        self, messages: tuple[Message, ...], emit: Callable[[Event], None]
    ) -> tuple[Message, ...]:
        """The messages as this model sees them: without pictures if it sees none, which is told."""
        images = {image.sha256 for message in messages for image in message.images}
        if not images or self._model.sees:
            return messages
        emit(Unseen(len(images)))
        if not images <= self._noticed:
            self._noticed |= images
            emit(_blind(self._name, len(images)))
        return _without_images(messages)

    def _tell_choice(
        self, messages: tuple[Message, ...], detail: Detail, emit: Callable[[Event], None]
    ) -> None:
        """Tell, once, of a detail that the tower can't have."""
        if self.choice is None or self.choice[0] != self.choice[1] or "detail" in self._noticed:
            return
        images = [image for message in messages for image in message.images]
        if {image.detail or detail for image in images} - {"normal"}:
            self._noticed.add("detail")
            emit(_no_choice(self._name, self.choice[0]))


def _without_images(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(
        msgspec.structs.replace(
            message, parts=tuple(part for part in message.parts if isinstance(part, TextPart))
        )
        for message in messages
    )


def _no_choice(name: str, tokens: int) -> Notice:
    return Notice(
        "detail",
        f"{name} has no choice of detail: every picture takes {tokens:,} tokens",
        "To see more, attach a part: @photo.jpg[x,y,width,height], or /crop.",
    )


def _blind(name: str, images: int) -> Notice:
    them = "the picture" if images == 1 else f"the {images} pictures"
    return Notice(
        "pictures",
        f"{name} sees no pictures: it answers without {them} of this chat",
        f"A model that sees pictures will see them again. If {name} should see them, name its "
        "mmproj file when you start: --mmproj FILE.",
    )
