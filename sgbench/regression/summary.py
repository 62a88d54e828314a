"""A comparison as Markdown, for a pull request or a job's summary page."""

import math
from collections import Counter
from collections.abc import Iterable

from sgbench.regression.comparison import Comparison
from sgbench.regression.differences import Difference
from sgbench.regression.redefinitions import Redefinition
from sgbench.support.markdown import in_a_cell, in_a_line

SHOWN = 20
"""Number of failures that are always visible; other failures and all that passes are folded."""
_HEAD = (
    "| System | Target | Measured | Reference | New | Difference | Judged by | Verdict |\n"
    "|:--|:--|:--|--:|--:|--:|--:|:--|\n"
)


def to_markdown(comparison: Comparison) -> str:
    """A heading with the outcome, then a table of the failures; everything else is folded."""
    failures = sorted(comparison.failures, key=_by_size)
    moved = [f"{_number(len(failures), 'figure')} moved"] * bool(failures)
    moved += [f"{_number(len(comparison.redefined), 'definition')} changed"] * bool(comparison.redefined)
    heading = ", ".join(moved) or "No metric moved"
    parts = [f"## {heading}\n\n{comparison.outcome}.\n"]
    if comparison.num_paired:
        parts.append(
            f"p comes from the paired permutation test over source images, adjusted by Holm's procedure; alpha is "
            f"{comparison.alpha:g} for all {comparison.num_paired} figures compared image by image together.\n"
        )
    if comparison.redefined:
        parts.append("".join(_redefined(change) for change in comparison.redefined[:SHOWN]))
    if rest := comparison.redefined[SHOWN:]:
        lines = "".join(_redefined(change) for change in rest)
        parts.append(_folded(f"{_number(len(rest), 'more definition')} changed", lines))
    if failures:
        parts.append(_table(failures[:SHOWN]))
    if failures[SHOWN:]:
        parts.append(_folded(f"{len(failures) - SHOWN} more that failed", _table(failures[SHOWN:])))
    passed = [d for d in comparison.differences if not d.failed]
    if passed:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(Counter(d.verdict for d in passed).items()))
        parts.append(_folded(f"{_number(len(passed), 'difference')} that did not fail ({counts})", _table(passed)))
    return "\n".join(parts)


def error_to_markdown(message: str) -> str:
    """What is said of a comparison that could not be made."""
    return f"## Not compared\n\n{in_a_line(message)}\n"


def _by_size(difference: Difference) -> tuple[str, str, bool]:
    """Key for sorting: losses first, then by verdict and system, values before their intervals."""
    return (
        "" if difference.verdict == "worse" else difference.verdict,
        difference.row.system,
        difference.quantity != "value",
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n</details>\n"


def _redefined(change: Redefinition) -> str:
    return f"- {in_a_line(f'{change.metric}: {change.change}')} ({change.extent})\n"


def _table(differences: Iterable[Difference]) -> str:
    return _HEAD + "".join(_line(d) for d in differences)


def _line(d: Difference) -> str:
    r = d.row
    direction = r.target if r.direction == "all" else f"{r.target} to {r.direction}"
    measured = f"{r.metric} of {r.measured_on}" if r.measured_on else r.metric
    figures = ["" if math.isnan(x) else f"{x:.6g}" for x in d.figures or (math.nan,) * 3]
    verdict = f"**{d.verdict}**" if d.failed else d.verdict
    texts = [in_a_cell(text) if text else "" for text in (r.system, direction, measured + d.aspect)]
    return "| " + " | ".join([*texts, *figures, d.basis, verdict]) + " |\n"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
