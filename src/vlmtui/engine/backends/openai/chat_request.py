"""From a conversation to the JSON that a server is sent."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from vlmtui.engine import images
from vlmtui.engine.backends.openai.server_facts import ServerFacts
from vlmtui.engine.engine_requests import Constraint, Endpoint, Generate, Sampling, Think
from vlmtui.engine.structured import constraints
from vlmtui.errors import GenerateFailed
from vlmtui.messages import Detail, ImagePart, Message, Role, TextPart

_KEPT = 16
"""Pictures whose text is kept, some 3 MB each: every question sends those of the whole chat."""

_QUALITY = 90
_PIXELS_OF_TOKEN = 28 * 28
"""What a token stands for in Qwen-VL, the model that most servers run; others see coarser."""

_LOW_PIXELS = 256 * _PIXELS_OF_TOKEN
"""OpenAI's own "low" is 512x512, which is a little more."""
_LOSSLESS_BYTES = 1_000_000
"""A picture that takes no more than this as PNG (a drawing, a screenshot) is sent as it is."""


def body(
    request: Generate, endpoint: Endpoint, server: ServerFacts, without: Collection[str] = ()
) -> dict[str, Any]:
    """The body of a request to `/chat/completions`, streamed, with usage at its end.

    The fields `without` which the server wants it are left out.

    Raises:
        ImageError: A picture can't be read.
    """
    fields: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [
            _message(message, endpoint.most_pixels, request.sampling.detail)
            for message in request.messages
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        **_sampling(request.sampling, server),
    }
    if server.kind == "llama-server":
        fields["reasoning_control"] = True  # so that a thought can be ended, see `EndpointWire`
    if thought := request.messages[-1].thought:  # which is gone on with
        fields["messages"][-1]["reasoning_content"] = thought
    if request.sampling.constraint is not None:
        fields |= _constraint(request.sampling.constraint, server)
    if request.messages[-1].role is Role.ASSISTANT and server.kind == "vllm":
        # llama-server and vlmtui go on with an answer by themselves
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    if "max_tokens" in without and "max_tokens" in fields:  # OpenAI's newer models
        fields["max_completion_tokens"] = fields["max_tokens"]
    if "stream" in without:
        fields.pop("stream_options")
    return {name: value for name, value in fields.items() if name not in without}


def _sampling(sampling: Sampling, server: ServerFacts) -> dict[str, Any]:
    """What the server is told; OpenAI's own protocol has no top_k, min_p or repetition."""
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    for name in ("presence_penalty", "frequency_penalty"):
        if penalty := getattr(sampling, name):
            fields[name] = penalty
    if sampling.max_tokens:
        fields["max_tokens"] = sampling.max_tokens
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if server.samples_more:
        repetition = "repetition_penalty" if server.kind == "vllm" else "repeat_penalty"
        fields |= {"top_k": sampling.top_k, "min_p": sampling.min_p}
        fields[repetition] = sampling.repeat_penalty
    return fields | _thinking(sampling.think, server)


def _thinking(think: Think, server: ServerFacts) -> dict[str, Any]:
    """What servers take that render the model's template themselves; by default as they do it."""
    if server.kind == "ollama":  # it thinks unless it is told not to
        return {"reasoning_effort": "none"} if think == "off" else {}
    if think == "auto" or not server.thinks_when_told:
        return {}
    fields: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": think != "off"}}
    if isinstance(think, int) and server.kind != "vllm":
        fields["thinking_budget_tokens"] = think
    return fields


def _constraint(constraint: Constraint, server: ServerFacts) -> dict[str, Any]:
    """What holds an answer to its form on this server.

    Raises:
        GenerateFailed: Nothing does.
    """
    if constraint.kind == "schema":
        schema = json.loads(constraint.text)
        asked = {"name": "answer", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": asked}}
    if server.kind in ("llama-server", "vlmtui"):
        return {"grammar": constraints.grammar(constraint)}
    if server.kind == "vllm":
        choices = constraint.kind == "choices"
        name = "choice" if choices else constraint.kind
        return {
            "structured_outputs": {
                name: json.loads(constraint.text) if choices else constraint.text
            }
        }
    raise GenerateFailed(
        "This server can hold an answer to JSON Schema, but not to "
        f"{'choices' if constraint.kind == 'choices' else f'a {constraint.kind}'}",
        'Give a schema: \'{"enum": ["red", "blue"]}\'. Or choose a model on this machine.',
    )


def _message(message: Message, most_pixels: int, detail: Detail) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role.value, "content": message.text}
    parts = [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": _picture(part, most_pixels, part.detail or detail)}
        for part in message.parts
    ]
    return {"role": message.role.value, "content": parts}


def _picture(image: ImagePart, most_pixels: int, detail: Detail) -> dict[str, str]:
    """A picture in a detail: OpenAI's protocol has three words, other servers count pixels."""
    pixels = {"low": _LOW_PIXELS}.get(str(detail), most_pixels)
    if isinstance(detail, int):
        pixels = detail * _PIXELS_OF_TOKEN
    picture = {"url": data_url(image, min(pixels, most_pixels))}
    if detail != "normal":
        coarse = detail == "low" or (isinstance(detail, int) and pixels <= _LOW_PIXELS)
        picture["detail"] = "low" if coarse else "high"
    return picture


@lru_cache(maxsize=_KEPT)
def data_url(image: ImagePart, most_pixels: int) -> str:
    """A picture as text: its pixels alone, turned upright.

    What cameras write beside them (place, time, owner) stays here, and few servers turn a picture
    by its metadata.

    Raises:
        ImageError: It can't be read, or isn't what was attached any more.
    """
    factor = min(1.0, (most_pixels / (image.width * image.height)) ** 0.5)
    size = (max(int(image.width * factor), 1), max(int(image.height * factor), 1))
    picture = images.decode(image.path, image.sha256, size, image.name)
    file = io.BytesIO()
    kind = "png"
    if Path(image.path).suffix not in (".jpg", ".jpeg"):  # a photo is never small as PNG
        picture.save(file, "PNG", compress_level=3)
    if not 0 < file.tell() <= _LOSSLESS_BYTES:
        kind = "jpeg"
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(file.getbuffer()).decode()}"
