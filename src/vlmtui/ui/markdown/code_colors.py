"""The colours of code: those of the theme, whole, so that they can be read in each of them."""

from __future__ import annotations

from pygments.token import Token  # type: ignore[import-untyped, unused-ignore] # as installed
from textual.highlight import HighlightTheme


class CodeColors(HighlightTheme):
    """Which part of a program has which colour."""

    STYLES = {  # noqa: RUF012 - Textual declares it as it is
        Token.Comment: "$text-dim italic",
        Token.Error: "$error",
        Token.Generic.Deleted: "$error",
        Token.Generic.Emph: "italic",
        Token.Generic.Error: "$error",
        Token.Generic.Heading: "$primary underline",
        Token.Generic.Inserted: "$success",
        Token.Generic.Strong: "bold",
        Token.Generic.Subheading: "$primary",
        Token.Keyword: "$primary",
        Token.Keyword.Constant: "$warning",
        Token.Literal.Number: "$warning",
        Token.Literal.String: "$success",
        Token.Literal.String.Doc: "$success italic",
        Token.Name.Attribute: "$secondary",
        Token.Name.Builtin: "$secondary",
        Token.Name.Builtin.Pseudo: "italic",
        Token.Name.Class: "$accent bold",
        Token.Name.Constant: "$warning",
        Token.Name.Decorator: "$accent",
        Token.Name.Function: "$accent",
        Token.Name.Tag: "$primary bold",
        Token.Operator.Word: "$primary",
    }
