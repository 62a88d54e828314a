"""What the parts of ``benchmarks/gpu.py`` found, as Markdown."""

from collections.abc import Sequence
from typing import Any

from benchmarks.timing.markdown import rounded, table

_WORDS = {True: "passed", False: "FAILED", None: "not tried"}
_NAME = 70


def report(found: dict[str, Any], most_memory: int) -> str:
    """The whole file.

    Args:
        found: hardware, seconds, and the status and rows of each part.
        most_memory: bytes that a replayed step may take beside the images.
    """
    dry = " A dry run with tiny networks: its times mean nothing." if found["dry"] else ""
    lines = [
        "# Training on one GPU",
        "",
        f"`python -m benchmarks.gpu`, on {found['hardware']}, {found['seconds']:.0f} seconds in all.{dry}",
    ]
    sections = {"checks": checks, "times": times, "together": together, "kernels": kernels}
    for name, result in found["parts"].items():
        title, body = sections[name](result["rows"], most_memory)
        lines += ["", f"## {title}", ""]
        if result["status"] != "done":
            lines += [f"**This part {result['status']}**", ""]
        lines += body if result["rows"] else ["Nothing was found."]
    return "\n".join(lines) + "\n"


def checks(rows: Sequence[dict[str, Any]], most_memory: int) -> tuple[str, list[str]]:
    """A row a check."""
    cells = [[row["case"], row["name"], _WORDS[row["passed"]], row["detail"]] for row in rows]
    return "Fast paths against float32, step by step", [table(("Case", "Check", "", "Found"), cells, words=4)]


def times(rows: Sequence[dict[str, Any]], most_memory: int) -> tuple[str, list[str]]:
    """A row a case, then its memory."""
    header = (
        *("Case", "ms a replay", "bar", "", "ms, waited for", "TFLOP/s"),
        *("plain graph, ms", "times as fast", "plain step by step, ms", "times as fast"),
    )
    cells = [
        [
            *(row["case"], rounded(row["ms"]), f"{row['bar_ms']:g}", met(row["ms"], row["bar_ms"], row["dry"])),
            *(rounded(row["alone_ms"]), rounded(row["tflops"])),
            *(number(row["plain_graph_ms"]), number(row["times_as_fast_as_graph"])),
            *(rounded(row["plain_eager_ms"]), rounded(row["times_as_fast_as_eager"])),
        ]
        for row in rows
    ]
    memory = [
        [
            *(
                row["case"],
                gibibytes(row["allocated"]),
                gibibytes(most_memory),
                met(row["allocated"], most_memory, row["dry"]),
            ),
            *(gibibytes(row["reserved"]), gibibytes(row["images"])),
        ]
        for row in rows
    ]
    of_memory = ("Case", "GiB allocated at most", "bar", "", "GiB reserved", "GiB of images")
    words = (
        "All in bfloat16; medians. Replays come one after another, as in a job, and the GPU takes their times; waited "
        "for are single ones, and the plain reference. Memory is that of building, recording and replaying our step, "
        "without the images."
    )
    return "Times", [words, "", table(header, cells), "", table(of_memory, memory)]


def together(rows: Sequence[dict[str, Any]], most_memory: int) -> tuple[str, list[str]]:
    """A row for one process, a row for two."""
    alone = sum(rows[0]["iterations_a_second"]) if rows else 1.0
    cells = [
        [row["case"], row["processes"], rounded(total), " + ".join(map(rounded, rates)), f"{total / alone:.2f}"]
        for row in rows
        for rates in [row["iterations_a_second"]]
        for total in [sum(rates)]
    ]
    header = ("Case", "Processes", "Iterations a second", "of each", "against one")
    return "Two processes at once", [table(header, cells)]


def kernels(rows: Sequence[dict[str, Any]], most_memory: int) -> tuple[str, list[str]]:
    """A table for each case and version."""
    lines: list[str] = []
    for row in rows:
        cells = [
            [f"`{k['name'][:_NAME]}`", k["number"], f"{k['ms']:.3f}", f"{100 * k['share']:.1f}"] for k in row["largest"]
        ]
        title = f"**{row['case']}**, {row['version']}: {row['kernels']:,} kernels, {rounded(row['ms'])} ms"
        lines += [*([""] if lines else []), title, "", table(("Kernel", "Number", "ms", "%"), cells)]
    return "Which kernels take the time", lines


def met(value: float | str, bar: float, dry: bool) -> str:
    """Whether a bar was met, in a word."""
    if dry or isinstance(value, str):
        return "not tried"
    return "met" if value <= bar else "MISSED"


def number(value: float | str) -> str:
    """A number, or why there is none."""
    return value if isinstance(value, str) else rounded(value)


def gibibytes(value: float | str) -> str:
    """Bytes as GiB, or why there are none."""
    return value if isinstance(value, str) else f"{value / 2**30:.2f}"
