r"""From shapes and patterns to a grammar in GBNF, as llama.cpp's sampler reads it.

JSON is written on one line, with at most one space behind a comma or colon: a model that is free to
put white space may put it without end. Strings hold no control characters and no `\u` escapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from vlmtui.engine.structured import patterns
from vlmtui.engine.structured.number_grammar import number
from vlmtui.engine.structured.patterns import Pattern
from vlmtui.engine.structured.shapes import (
    Definitions,
    Either,
    Fields,
    Items,
    Named,
    Number,
    Shape,
    Subset,
    Text,
    Values,
)
from vlmtui.errors import InputError

_MOST_BYTES = 4_000_000
_LONG = 1000
"""From here on repetitions are written as a ladder of rules: llama.cpp refuses over 2,000."""

_BARE = patterns.complement(((0, 31), (34, 34), (92, 92), (127, 159), (0x2028, 0x2029)))
"""Characters that a string of JSON may have as they are."""

_SHORT = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\", 47: "/"}


class TooLarge(InputError):
    """A form that no sampler could keep to in a reasonable time."""

    def __init__(self) -> None:
        super().__init__("This format is too large to be enforced", "Ask for less in one answer.")


def of_shape(shape: Shape, known: Definitions) -> str:
    """The grammar of JSON values of a shape."""
    writer = _Writer(known)
    return writer.whole(writer.value(shape))


def of_pattern(pattern: Pattern) -> str:
    """The grammar of texts that match."""
    writer = _Writer({}, quoted=False)
    return writer.whole(writer.pattern(pattern))


def of_choices(choices: Sequence[str]) -> str:
    """The grammar of these texts."""
    return _Writer({}).whole(" | ".join(map(literal, choices)))


def literal(text: str) -> str:
    """A text as it stands."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    code = ord(character)
    return character if 32 <= code < 127 or code > 0x2FF else f"\\U{code:08X}"


def _class(given: patterns.Ranges) -> str:
    """The class of these characters."""
    spans = (
        _in_class(low) if low == high else f"{_in_class(low)}-{_in_class(high)}"
        for low, high in given
    )
    return f"[{''.join(spans)}]"


def _in_class(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\U{code:08X}"


class _Writer:
    """Collects the rules of one grammar.

    Expressions are handed around as text; those with alternatives in it are put into rules.
    """

    def __init__(self, known: Definitions, *, quoted: bool = True) -> None:
        self._known = known
        self._quoted = quoted
        self._rules: dict[str, str] = {"sp": '" "?'}
        self._names: dict[str, str] = {}
        self._open: set[int] = set()
        self._size = 0

    def whole(self, expression: str) -> str:
        """The grammar, whose root is an expression."""
        rules = {"root": expression, **self._rules}
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items())

    def value(self, shape: Shape) -> str:
        """An expression for values of a shape."""
        match shape:
            case Values(options):
                found = (literal(json.dumps(each, ensure_ascii=False)) for each in options)
                return self._rule(" | ".join(found)) if len(options) > 1 else next(found)
            case Text():
                return self._text(shape)
            case Number():
                return self._rule(number(shape))
            case Items():
                return self._items(shape)
            case Subset(options, least):
                fields = [
                    (literal(json.dumps(each, ensure_ascii=False)), False) for each in options
                ]
                return f'"[" {self._chain(fields, None, least)} "]"'
            case Fields():
                return self._fields(shape)
            case Either(options):
                return self._rule(" | ".join(map(self.value, options)))
            case Named(name):
                rule = f"n{name}"
                if name not in self._open:
                    self._open.add(name)
                    self._add(rule, self.value(self._known[name]))
                return rule

    def pattern(self, pattern: Pattern) -> str:
        """An expression for what matches."""
        match pattern:
            case patterns.Set(given):
                return self._set(given)
            case patterns.Sequence(parts):
                return " ".join(map(self.pattern, parts)) or '""'
            case patterns.Alternatives(options):
                return self._rule(" | ".join(map(self.pattern, options)))
            case patterns.Repeat(part, least, most):
                inner = self.pattern(part)
                return self._repeated(
                    inner if inner.isidentifier() else self._rule(inner), least, most
                )

    def _rule(self, body: str) -> str:
        if body not in self._names:
            self._names[body] = f"r{len(self._names)}"
            self._add(self._names[body], body)
        return self._names[body]

    def _add(self, name: str, body: str) -> None:
        self._size += len(name) + len(body) + 6
        if self._size > _MOST_BYTES:
            raise TooLarge
        self._rules[name] = body

    def _repeated(self, part: str, least: int, most: int | None) -> str:
        if max(least, most or 0) <= _LONG:
            return f"{part}{{{least},{'' if most is None else most}}}"
        if least > _LONG:
            rest = self._repeated(part, least - _LONG, None if most is None else most - _LONG)
            return f"{part}{{{_LONG}}} {rest}"
        rung = ""
        for _ in range((most or 0) - least):
            rung = self._rule(f"({part} {rung})?".replace(" )", ")"))
        return f"{part}{{{least}}} {rung}" if least else rung

    # ------------------------------------------------------------------ strings

    def _set(self, given: patterns.Ranges) -> str:
        allowed = _BARE if self._quoted else patterns.complement(((0, 8), (11, 31), (127, 159)))
        bare = patterns.without(given, patterns.complement(allowed))
        options = [_class(bare)] if bare else []
        if self._quoted:
            options += [
                literal(f"\\{short}")
                for code, short in _SHORT.items()
                if code != 47 and any(low <= code <= high for low, high in given)
            ]
        if not options:
            raise InputError(
                "This pattern can't be enforced: it requires a control character",
                "Leave that out of the pattern.",
            )
        return options[0] if len(options) == 1 else self._rule(" | ".join(options))

    def _text(self, shape: Text) -> str:
        if shape.excluded:
            return f'"\\"" {self._other_than(sorted(shape.excluded))}'
        if shape.pattern is not None:
            return f'"\\"" {self._rule(self.pattern(shape.pattern))} "\\""'
        character = self._set(patterns.complement(()))
        return f'"\\"" {self._repeated(character, shape.least, shape.most)} "\\""'

    def _other_than(self, words: Iterable[str]) -> str:
        """What follows the quote of a string that is none of some; the closing quote included.

        Escapes are left out of it: they could write a name in other characters.
        """
        words = list(words)
        heads = sorted({word[0] for word in words if word})
        codes = tuple((ord(head), ord(head)) for head in heads)
        others = patterns.without(_BARE, patterns.ranges(*codes))
        rest = self._rule(f'{_class(_BARE)}* "\\""')
        options = [f"{_class(others)} {rest}"]
        for head in heads:
            if not any(low <= ord(head) <= high for low, high in _BARE):
                continue
            tails = [word[1:] for word in words if word[:1] == head]
            options.append(f"{literal(head)} {self._other_than(tails)}")
        if "" not in words:
            options.append('"\\""')
        return self._rule(" | ".join(options))

    # ------------------------------------------------------------------ arrays and objects

    def _items(self, shape: Items) -> str:
        first = [(self.value(part), at < shape.least) for at, part in enumerate(shape.first)]
        tail = ""
        if shape.rest is not None:
            rest = self.value(shape.rest)
            least = max(shape.least - len(first), 0)
            most = None if shape.most is None else shape.most - len(first)
            more = self._rule(f'"," sp {rest}')
            if first:
                tail = self._repeated(more, least, most)
            else:
                follow = None if most is None else most - 1
                rest = f"{rest} {self._repeated(more, max(least - 1, 0), follow)}"
                return f'"[" {rest if least else f"({rest})?"} "]"'
        # from the first that may be missing on, each is there only if the one before is
        for at in range(len(first) - 1, -1, -1):
            value, needed = first[at]
            comma = '"," sp ' if at else ""
            body = f"{comma}{value} {tail}"
            tail = body if needed else self._rule(f"({body})?")
        return f'"[" {tail} "]"'

    def _fields(self, shape: Fields) -> str:
        fields = [
            (
                f"{literal(json.dumps(name, ensure_ascii=False) + ':')} sp {self.value(part)}",
                name in shape.required,
            )
            for name, part in shape.shapes.items()
        ]
        other = None
        if shape.rest is not None:
            name = self.value(Text() if shape.names is None else shape.names)
            other = f'{name} ":" sp {self.value(shape.rest)}'
        return f'"{{" {self._chain(fields, other, shape.least)} "}}"'

    def _chain(self, fields: Sequence[tuple[str, bool]], other: str | None, least: int) -> str:
        """Fields in their order, each with whether it is needed, and others behind them.

        Two expressions go backwards through the fields: what follows where something stands before
        it, and what does where nothing does yet.
        """
        after, alone = "", ""
        empty = not least  # nothing at all will do, as far as what follows goes
        if other is not None:
            field = self._rule(other)
            after = self._rule(f'("," sp {field})*')
            alone = self._rule(f"{field} {after}")
        for field, needed in reversed(fields):
            here = f"{field} {after}"
            if needed:
                after, alone, empty = self._rule(f'"," sp {here}'), self._rule(here), False
            else:
                alone = self._rule(f"{here} | {alone}" if alone else here)
                after = self._rule(f'("," sp {field})? {after}')
        if not alone:
            return ""
        return f"{alone}?" if empty else alone
