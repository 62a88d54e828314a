"""Tables of the benchmarks' files."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """A Markdown table.

    Args:
        words: how many columns, from the first, are aligned left; the others hold numbers.
    """
    marks = [":--" if k < words else "--:" for k in range(len(header))]
    lines = [_row(header), f"|{'|'.join(marks)}|", *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def mebibytes(number: float) -> str:
    """Bytes as MiB, without decimals from 10 on."""
    value = number / 2**20
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def rounded(value: float) -> str:
    """Three digits, at most one decimal."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
