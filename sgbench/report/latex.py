"""Tables as LaTeX that needs ``booktabs`` and nothing else; names beyond Latin letters, LuaLaTeX or XeLaTeX.

A block that is too wide for a page goes on below with its further columns, and a table that is too long for a page goes
on in a further ``table``, for LaTeX breaks neither.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

import pandas as pd

from sgbench.report.layout import Table
from sgbench.report.text import Shown, readable, shown
from sgbench.support.errors import one_line

Part = tuple[str, pd.DataFrame]
"""Heading of a block, and rows of ``Shown``."""
_WIDTH = 106
"""Digits of a line in footnote size, on A4 with margins of an inch."""
_WIDTHS = dict.fromkeys(".,:;[]()'ijl ", 0.6) | dict.fromkeys("+-<=%&#mwMW", 1.6) | {"±": 2.8}
"""Of characters that are much narrower or wider than a digit; ± with the spaces around it."""
_LINES = 40
"""Rows of a page in that size."""
_NEEDS = r"% Needs \usepackage{booktabs}; fits text 6.27 in wide at 10 pt: A4 with \usepackage[margin=1in]{geometry}."
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"${c}$" for c in "<>|"},
    "†": r"$^\dagger$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
    "φ": r"$\varphi$",
    "…": r"\ldots{}",
    "→": r"$\rightarrow$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
}


def to_latex(table: Table) -> str:
    """The table with its caption, label (``tab:`` and its name) and footnotes."""
    blocks, reasons = shown(table)
    notes = [rf"\textsuperscript{{{k}}} {escape(reason)}" for k, reason in enumerate(reasons, 1)]
    return _environments(table.name, f"{table.title}. {table.caption}", blocks, notes)


def frame_to_latex(name: str, caption: str, frame: pd.DataFrame) -> str:
    """A ready-made frame, its first column the labels of rows, as a table."""
    cells = frame.set_index(frame.columns[0]).map(lambda value: Shown(readable(value)))
    return _environments(name, caption, {"": cells}, [])


def escape(text: object) -> str:
    """Text in one line with every character that TeX would read otherwise, or not at all, in its own words."""
    line = one_line(text)
    return "".join(_ESCAPES.get(c, c) for c in line)


def _narrow(blocks: Mapping[str, pd.DataFrame]) -> list[Part]:
    """Blocks in parts of as many columns as fit a line."""
    parts = list(blocks.items())
    for across in range(max((len(frame.columns) for frame in blocks.values()), default=0), 0, -1):
        parts = [
            (block, frame.iloc[:, start : start + across])
            for block, frame in blocks.items()
            for start in range(0, len(frame.columns), across)
        ]
        if _width(parts) <= _WIDTH:
            break
    return parts


def _width(parts: Sequence[Part]) -> float:
    """Digits of a line: the widest label, and the widest cell at each place, 1.2 digits from the one before."""
    labels = max(max(1.15 * _digits(block), *map(_digits, frame.index)) for block, frame in parts)  # blocks are bold
    columns = [
        [1.2 + max(_digits(name), *map(_cell_digits, frame[name])) for name in frame.columns] for _, frame in parts
    ]
    return labels + sum(max(places) for places in zip_longest(*columns, fillvalue=0))


def _cell_digits(cell: Shown) -> float:
    """Digits of a cell: intervals are in a smaller size, and a reason has its number."""
    return _digits(cell.plain) - len(cell.interval + cell.p) / 20 + bool(cell.reason)


def _digits(text: object) -> float:
    return sum(_WIDTHS.get(c, 1.4 if c.isupper() else 1) for c in str(text))


def _environments(name: str, caption: str, blocks: Mapping[str, pd.DataFrame], notes: Sequence[str]) -> str:
    pages: list[list[Part]] = []
    for part in _narrow(blocks):
        lines = sum(len(frame) + 2 for _, frame in [*(pages[-1] if pages else []), part])
        if not pages or lines > _LINES:
            pages.append([])
        pages[-1].append(part)
    label = f"tab:{name.replace('_', '-')}"
    texts = []
    for number, page in enumerate(pages, 1):
        heading = escape(caption) if number == 1 else f"Table~\\ref{{{label}}}, continued."
        own = label if number == 1 else f"{label}-{number}"
        texts.append(_environment(heading, own, page, notes))
    return "\n".join([_NEEDS, *texts])


def _environment(caption: str, label: str, parts: Sequence[Part], notes: Sequence[str]) -> str:
    across = max(len(frame.columns) for _, frame in parts)
    lines = [r"\begin{table}[htbp]", r"\centering\footnotesize\setlength{\tabcolsep}{2.5pt}"]
    lines += [
        f"\\caption{{{caption}}}",
        f"\\label{{{label}}}\\smallskip",
        f"\\begin{{tabular}}{{@{{}}l{'r' * across}@{{}}}}",
        r"\toprule",
    ]
    for k, (block, frame) in enumerate(parts):
        lines += [r"\midrule"] * (k > 0)
        heading = f"\\textbf{{{escape(block)}}}" if block else ""
        lines += [_row([heading, *map(escape, frame.columns)], across), r"\midrule"]
        lines += [_row([escape(row), *map(_cell, cells)], across) for row, *cells in frame.itertuples(name=None)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [r"\par\smallskip\raggedright " + r" \quad ".join(notes)] * bool(notes)
    return "\n".join([*lines, r"\end{table}", ""])


def _row(cells: Sequence[str], across: int) -> str:
    first, *others = [*cells, *[""] * (across + 1 - len(cells))]
    guard = "{}" if first[:1] in {"[", "*"} else ""  # else an argument of the line break above
    return f"{guard}{' & '.join([first, *others])} \\\\"


def _cell(cell: Shown) -> str:
    value = _minus(escape(cell.value))
    text = f"\\textbf{{{value}}}" if cell.best else value
    text += f" $\\pm$ {cell.spread}" if cell.spread else ""
    text += f"\\,{{\\scriptsize {_minus(cell.interval)}}}" if cell.interval else ""
    text += f"{{\\scriptsize, {escape(cell.p)}}}" if cell.p else ""
    return text + (f"\\textsuperscript{{{cell.reason}}}" if cell.reason else "")


def _minus(numbers: str) -> str:
    return re.sub(r"(?<![\d-])-(?=[\d.])", "$-$", numbers)
