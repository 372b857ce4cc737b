"""The Jinja that chat templates are written in.

Jinja as `transformers` sets it up (block trimming, loop controls, `{% generation %}`,
`raise_exception`, `strftime_now`, `tojson`), in its sandbox, since templates come from model files.
Where llama.cpp's own renderer reads a template otherwise, this one goes by llama.cpp: whitespace
and letters are ASCII's, a string's length is that of its UTF-8, and nothing is written as nothing.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import jinja2
import jinja2.compiler
import jinja2.exceptions
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
from jinja2.compiler import Frame

_LARGEST_NUMBER = 2**64
"""Products and powers beyond would take time that nothing can end."""

WHITESPACE = " \t\n\v\f\r"
"""What is at the ends of a text without being part of it."""


class _Code(jinja2.compiler.CodeGenerator):
    """Python of a template."""

    def visit_Concat(self, node: jinja2.nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """`~`, for which Jinja would write `none` as a word."""
        self.write("environment.joined(")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write(")")


class TemplateLanguage(jinja2.sandbox.SandboxedEnvironment):
    """Where templates run: without access to Python, and without endless arithmetic."""

    code_generator_class = _Code
    intercepted_binops = frozenset(("**", "*", "+"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[jinja2.ext.loopcontrols, _Generation],
            undefined=_Missing,
            finalize=_finalized,
            optimized=False,  # or constants would be joined as Python does it
        )
        self.filters["tojson"] = _to_json
        self.filters["trim"] = lambda value, chars=None: _METHODS["strip"](str(value), chars)
        for name in ("upper", "lower", "title", "capitalize"):
            self.filters[name] = _on_text(_METHODS[name])
        self.filters["length"] = self.filters["count"] = _length
        self.globals["raise_exception"] = _refuse
        self.globals["strftime_now"] = strftime_now

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply or raise to a power, as long as that ends soon; add."""
        if operator == "+":
            return _add(left, right)
        numbers = [each for each in (left, right) if isinstance(each, int)]
        if any(abs(each) > _LARGEST_NUMBER for each in numbers):
            raise OverflowError("a number is too large")
        if operator == "**" and len(numbers) == 2 and abs(right) * abs(left).bit_length() > 64:
            raise OverflowError("a power is too large")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute; of a string perhaps a method that knows only ASCII."""
        if isinstance(obj, str) and attribute in _METHODS:
            return partial(_METHODS[attribute], obj)
        return super().getattr(obj, attribute)

    def joined(self, *values: Any) -> str:
        """What `~` makes of its operands."""
        return "".join("" if value is None else str(value) for value in values)

    def unsafe_undefined(self, obj: Any, attribute: str) -> jinja2.Undefined:
        """Refuse what would lead out of the sandbox.

        Raises:
            SecurityError: Always.
        """
        raise jinja2.exceptions.SecurityError(f"{attribute} is out of its reach")


class _Missing(jinja2.ChainableUndefined):
    """What isn't there: nothing is in it, and added to a string it is empty."""

    __slots__ = ()


class _Generation(jinja2.ext.Extension):
    """`{% generation %}` and its end: they mark what is trained on, and nothing else."""

    tags = {"generation"}  # noqa: RUF012 - Jinja declares it as it is

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """Take the body as if nothing stood around it."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def strftime_now(form: str) -> str:
    """Local time as the format says, `strftime`'s."""
    return datetime.datetime.now().strftime(form)


def _add(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(other, str) and (one is None or isinstance(one, jinja2.Undefined)):
            return other
    return left + right


@jinja2.pass_context
def _finalized(_: object, value: Any) -> Any:
    """What is written of a value; knowing the context, or Jinja would join constants itself."""
    return _written(value)


def _written(value: Any) -> Any:
    """What is written of a value: nothing of `none` and mappings, of a list all that is in it."""
    if isinstance(value, (list, tuple)):
        return "".join(str(_written(each)) for each in value)
    return "" if value is None or isinstance(value, dict) else value


def _of_ends(strip: Callable[[str, str], str]) -> Callable[..., str]:
    return lambda text, chars=None: strip(text, WHITESPACE if chars is None else chars)


def _of_bytes(change: Callable[[bytes], bytes]) -> Callable[[str], str]:
    """A change of letters that leaves alone what isn't ASCII, as those of bytes do."""
    coding = ("utf-8", "surrogatepass")
    return lambda text: change(text.encode(*coding)).decode(*coding)


_capitalize = _of_bytes(bytes.capitalize)


def _title(text: str) -> str:
    return "".join(map(_capitalize, re.split(f"([{WHITESPACE}]+)", text)))


_METHODS: dict[str, Callable[..., str]] = {
    "strip": _of_ends(str.strip),
    "lstrip": _of_ends(str.lstrip),
    "rstrip": _of_ends(str.rstrip),
    "upper": _of_bytes(bytes.upper),
    "lower": _of_bytes(bytes.lower),
    "capitalize": _capitalize,
    "title": _title,
}
"""Of strings."""


def _on_text(method: Callable[..., str]) -> Callable[[Any], str]:
    return lambda value: method(str(value))


def _length(value: Any) -> int:
    return len(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As `transformers` has it; Jinja's own filter escapes for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
