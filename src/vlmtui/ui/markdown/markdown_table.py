"""A table of styled text, laid out for a width: columns get what they need, or a fair share."""

from __future__ import annotations

from textual.content import Content

_GAP = 3
_LEAST = 4


def table_lines(rows: list[list[Content]], width: int) -> list[Content]:
    """Lay out a table whose first row is its header.

    Cells wrap inside their column. A table with more columns than the width has room for is shown
    row by row, one cell a line.
    """
    count = max((len(row) for row in rows), default=0)
    if not count:
        return []
    room = width - _GAP * (count - 1)
    if room < count * _LEAST:
        return _stacked(rows, width)
    widths = _widths(rows, count, room)
    lines: list[Content] = []
    for index, row in enumerate(rows):
        if index == 0:
            row = [cell.stylize("bold") for cell in row]
        lines.extend(_row(row, widths))
        if index == 0:
            rule = "─┼─".join("─" * column for column in widths)
            lines.append(Content.styled(rule, "$text-dim"))
    return lines


def _widths(rows: list[list[Content]], count: int, room: int) -> list[int]:
    """Narrow columns get what they need; the wide ones share the rest."""
    wanted = [1] * count
    for row in rows:
        for column, cell in enumerate(row):
            wanted[column] = max(wanted[column], cell.cell_length)
    widths = list(wanted)
    open_columns = sorted(range(count), key=lambda column: wanted[column])
    while open_columns:
        share = room // len(open_columns)
        column = open_columns.pop(0)
        widths[column] = max(1, min(wanted[column], share))
        room -= widths[column]
    return widths


def _row(row: list[Content], widths: list[int]) -> list[Content]:
    cells = [
        (row[column] if column < len(row) else Content("")).wrap(width)
        for column, width in enumerate(widths)
    ]
    height = max(len(cell) for cell in cells)
    separator = Content.styled(" │ ", "$text-dim")
    lines = []
    for y in range(height):
        parts = [
            _padded(cell[y] if y < len(cell) else Content(""), width)
            for cell, width in zip(cells, widths, strict=True)
        ]
        lines.append(separator.join(parts))
    return lines


def _padded(cell: Content, width: int) -> Content:
    cell = cell.truncate(width)
    return cell.pad_right(max(width - cell.cell_length, 0))


def _stacked(rows: list[list[Content]], width: int) -> list[Content]:
    lines: list[Content] = []
    for row in rows:
        for index, cell in enumerate(row):
            prefix = Content.styled("• " if index == 0 else "  ", "$accent")
            lines.extend((prefix + line).truncate(width) for line in cell.wrap(max(width - 2, 1)))
    return lines
