"""Tables as LaTeX that needs only ``booktabs``; names with other than Latin letters need LuaLaTeX or XeLaTeX.

LaTeX does not break tables. So a block that is too wide for a page continues below with its further columns, and a
table that is too long for a page continues in a further ``table``.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from unicodedata import east_asian_width

import pandas as pd

from sgbench.report.layout import Table
from sgbench.report.text import Shown, Told, readable, shown
from sgbench.support.errors import one_line

Part = tuple[str, pd.DataFrame]
"""The heading of a block, and its frame of ``Shown``."""
_WIDTH = 106
"""How many digits fit a line in footnote size, on A4 with margins of one inch."""
_WIDTHS = dict.fromkeys(".,:;[]()'ijl ", 0.6) | dict.fromkeys("+-<=%&#mwMW", 1.6) | {"±": 2.8}
"""Widths in digits of characters much narrower or wider than a digit; ± includes the spaces around it."""
_LINES = 40
"""How many rows fit a page in this size."""
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
    "\0": "{}",
    "→": r"$\rightarrow$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
}
_LIGATURE = re.compile(r"-(?=-)|'(?=')|,(?=,)|[`?!](?=`)")
"""What TeX would join with the next character into another one."""


def to_latex(table: Table, told: Told | None = None) -> str:
    """The table with its caption, label (``tab:`` and its name) and footnotes.

    Args:
        told: what ``shown`` gives of the table, where it is known.
    """
    blocks, reasons = told or shown(table)
    notes = [rf"\textsuperscript{{{k}}} {escape(reason)}" for k, reason in enumerate(reasons, 1)]
    return _environments(table.name, f"{table.title}. {table.caption}", blocks, notes)


def frame_to_latex(name: str, caption: str, frame: pd.DataFrame) -> str:
    """A ready-made frame as a table; its first column has the labels of the rows."""
    return frames_to_latex(name, caption, {"": frame.set_index(frame.columns[0])})


def frames_to_latex(name: str, caption: str, blocks: Mapping[str, pd.DataFrame]) -> str:
    """Ready-made frames as one table, by the headings of its blocks; their indices have the labels of the rows."""
    cells = {heading: frame.map(lambda value: Shown(readable(value))) for heading, frame in blocks.items()}
    return _environments(name, caption, cells, [])


def escape(text: object) -> str:
    """Text in one line, with commands in place of the characters that TeX would misread or could not print."""
    line = _LIGATURE.sub(r"\g<0>\0", one_line(text))
    return "".join(_ESCAPES.get(c, c) for c in line)


def _narrow(blocks: Mapping[str, pd.DataFrame]) -> list[Part]:
    """Split blocks into parts with as many columns as fit a line."""
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


def _short(parts: Sequence[Part]) -> list[Part]:
    """Split parts that are longer than a page."""
    most = _LINES - 2
    return [(block, frame[i : i + most]) for block, frame in parts for i in range(0, len(frame), most)]


def _width(parts: Sequence[Part]) -> float:
    """Width of a line in digits: the widest label, then for each column a gap of 1.2 and its widest cell."""
    labels = max(max(1.15 * _digits(block), *map(_digits, frame.index)) for block, frame in parts)  # bold is wider
    columns = [
        [1.2 + max(_digits(name), *map(_cell_digits, frame[name])) for name in frame.columns] for _, frame in parts
    ]
    return labels + sum(max(places) for places in zip_longest(*columns, fillvalue=0))


def _cell_digits(cell: Shown) -> float:
    """Width of a cell in digits; intervals are set smaller, and the number of a reason is added."""
    return _digits(cell.plain) - len(cell.interval + cell.p) / 20 + bool(cell.reason)


def _digits(text: object) -> float:
    return sum(_WIDTHS.get(c, 2 if east_asian_width(c) in "FW" else 1.4 if c.isupper() else 1) for c in str(text))


def _environments(name: str, caption: str, blocks: Mapping[str, pd.DataFrame], notes: Sequence[str]) -> str:
    pages: list[list[Part]] = []
    for part in _short(_narrow(blocks)):
        lines = sum(len(frame) + 2 for _, frame in [*(pages[-1] if pages else []), part])
        if not pages or lines > _LINES:
            pages.append([])
        pages[-1].append(part)
    label = f"tab:{name.replace('_', '-')}"
    texts = []
    for number, page in enumerate(pages, 1):
        heading = escape(caption) if number == 1 else f"Table~\\ref{{{label}}}, continued."
        page_label = label if number == 1 else f"{label}-{number}"
        texts.append(_environment(heading, page_label, page, notes))
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
    guard = "{}" if first[:1] in {"[", "*"} else ""  # otherwise read as an argument of the line break before it
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
