"""An iteration of each method: its arithmetic, and three versions of it timed in turns in one process.

    python -m benchmarks.step [--device cuda] [--config paper] [--against COMMIT]

The versions: the plain float32 reference of ``benchmarks/plain``; our step carried out anew, in float32; and our step
as the loop runs it, in bfloat16, on a GPU replayed as a graph. All get the same images and labels, which are noise, in
the way that a job gets them. On a CPU one thread computes. With ``--against`` today's step of the config's settings is
also timed in turns with another commit's, on the CPU. Writes ``step.md``.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.timing.cases import METHODS, Case, cases_of
from benchmarks.timing.commits import Against, Part, against, git
from benchmarks.timing.markdown import mebibytes, rounded, table
from benchmarks.timing.measures import (
    PeakMemory,
    free,
    full_precision,
    hardware,
    in_turns,
    kernels,
    matrix_peak,
    ratio,
)
from benchmarks.timing.traffic import Traffic
from benchmarks.timing.versions import Version, bytes_held, bytes_of_images, our_steps, plain_steps, runner

VERSIONS: dict[str, Callable[[Case, torch.device], Version]] = {
    "plain, float32": lambda case, device: plain_steps(case, device, "float32"),
    "eager, float32": lambda case, device: our_steps(case, device, "float32", replayed=False),
    "as trained, bfloat16": lambda case, device: our_steps(case, device, "bfloat16", replayed=True),
}
PLAIN, *_ = VERSIONS
PARTS: dict[Part, str] = {
    "step": "The step alone, on batches made before:",
    "whole": "The whole iteration as the loop runs it, with batches drawn and mirrored and losses read:",
}
_WARM_UP = 2


@dataclass(frozen=True)
class Measured:
    """A version of a method's step.

    Attributes:
        seconds: of an iteration in each round.
        launches: kernels on a GPU, else operators.
        bytes: that operators read and write.
        memory: bytes of networks, moments and what an iteration makes, at most.
    """

    case: Case
    version: str
    precision: str
    seconds: list[float]
    launches: int
    bytes: int
    memory: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write a Markdown file."""
    options = parser().parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    cases = cases_of(options.config, options.methods)
    if options.dry:
        cases = [case.tiny() for case in cases]
    with full_precision():
        side, rounds = (64, 2) if options.dry else (None, 10)
        peaks = {name: matrix_peak(device, getattr(torch, name), side, rounds) for name in ("float32", "bfloat16")}
        measured = [row for case in cases for row in measure(case, device, options.rounds)]
    lines = [*heading(options, device, peaks), *arithmetic(cases), *versions(measured, peaks, device)]
    if options.against:
        commit = git("rev-parse", "--short", options.against)
        results, native = against(commit, cases, options.turns)
        lines += comparison(commit, results, native)
    text = "\n".join(lines) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsed = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__.splitlines()[0])
    parsed.add_argument("--device", default="cpu", help="cpu or cuda")
    parsed.add_argument("--config", default="quick", choices=("quick", "paper"), help="whose settings")
    parsed.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS), help="with commas")
    parsed.add_argument("--rounds", type=int, default=12, help="how often each version has its turn")
    parsed.add_argument("--against", metavar="COMMIT", help="also time this commit's step and today's in turns")
    parsed.add_argument("--turns", type=int, default=24, help="of each of the two commits")
    parsed.add_argument("--dry", action="store_true", help="tiny networks: only to see that it runs")
    parsed.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    return parsed


def measure(case: Case, device: torch.device, rounds: int) -> list[Measured]:
    """Time the versions of a case in turns, then look at each."""
    versions, runs, memory = {}, {}, {}
    for name, make in VERSIONS.items():
        with PeakMemory(device) as peak:
            versions[name] = make(case, device)
            runs[name] = runner(versions[name])
            for _ in range(_WARM_UP):
                runs[name]()
        memory[name] = peak.allocated
    seconds = in_turns(runs, rounds, device)
    measured = []
    for name, version in versions.items():
        with Traffic() as traffic:
            carry_out(version)
        on_gpu = device.type == "cuda"
        launches = sum(k.number for k in kernels(runs[name], device)) if on_gpu else traffic.operators
        made = memory[name] - bytes_of_images(version) if on_gpu else bytes_held(version) + traffic.peak
        measured.append(Measured(case, name, version.precision, seconds[name], launches, traffic.bytes, made))
    versions.clear()
    runs.clear()
    free(device)
    return measured


def carry_out(version: Version) -> None:
    """An iteration's operators, carried out one by one even where they are replayed otherwise."""
    version.feed.load(0)
    version.carry_out(0)


def heading(options: argparse.Namespace, device: torch.device, peaks: dict[str, float]) -> list[str]:
    """What was run, on what, and what that can do."""
    flags = f" --device {options.device}" * (options.device != "cpu") + f" --config {options.config}" * (
        options.config != "quick"
    )
    flags += f" --against {options.against}" if options.against else ""
    return [
        "# An iteration of each method",
        "",
        f"`python -m benchmarks.step{flags}`, on {hardware(device)}.",
        "",
        f"Settings, widths and image size are those of `{options.config}`; images and labels are noise. Products of "
        f"square matrices, measured in the same call: {peaks['float32'] / 1e12:.3g} TFLOP/s in float32 (without TF32), "
        f"{peaks['bfloat16'] / 1e12:.3g} in bfloat16. Ratios are medians over {options.rounds} rounds in which each "
        "version has its turn.",
    ]


def arithmetic(cases: Sequence[Case]) -> list[str]:
    """What an iteration needs."""
    rows = []
    for case in cases:
        flops = case.flops()
        parts = (flops.critic, flops.penalty, flops.generator, flops.total)
        rows.append([case, *(f"{part / 1e9:,.2f}" for part in parts)])
    header = ("Operations of an iteration, 10^9", "Critic", "Penalty", "Generator", "In all")
    return ["", "## Arithmetic", "", table(header, rows)]


def versions(measured: Sequence[Measured], peaks: dict[str, float], device: torch.device) -> list[str]:
    """The versions of each method's step."""
    on_gpu = device.type == "cuda"
    plain = {row.case: row for row in measured if row.version == PLAIN}
    rows = []
    for row in measured:
        seconds, needed = median(row.seconds), row.case.flops().total
        rate = needed / seconds
        rows.append(
            [
                row.case.name,
                row.version,
                f"{ratio(plain[row.case].seconds, row.seconds):.2f}",
                rounded(1e3 * seconds),
                rounded(rate / 1e9),
                f"{100 * rate / peaks[row.precision]:.1f}",
                mebibytes(row.memory),
                f"{row.launches:,}",
                mebibytes(row.bytes),
            ]
        )
    header = (
        *("Method", "Version", "Times as fast as plain", "ms", "GFLOP/s", "% of the products'", "MiB at most"),
        *("Kernels" if on_gpu else "Operators", "MiB moved"),
    )
    notes = [
        "GFLOP/s are the operations that the mathematics needs, over the time; a version may compute more. "
        + ("" if on_gpu else "Milliseconds hold for this machine alone: the ratio is the statement. ")
        + "Memory is that of networks, moments and all that an iteration makes, without images"
        + ("; a GPU's is what torch allocated, with what recording needs." if on_gpu else "."),
        "Bytes moved are "
        + ("estimated: " if on_gpu else "")
        + "the sum of what operators read and write, carried out one by one; "
        + ("what a profiler says of memory needs counters that are not asked for here." if on_gpu else "caches differ.")
        + " What the C extension does counts as one operator each time.",
    ]
    return ["", "## Versions", "", table(header, rows, words=2), "", notes[0], "", notes[1]]


def comparison(commit: str, results: Sequence[Against], native: dict[str, bool]) -> list[str]:
    """Today's step against another commit's."""
    header = ("Method", "Times as fast", "In single turns", "ms before", "ms now")
    words = {True: "with", False: "without"}
    lines = [
        "",
        f"## Against commit {commit}",
        "",
        f"In bfloat16 with one thread; two processes take turns, {len(results[0].now)} each. Today's is "
        f"{words[native['now']]} the C extension, the other {words[native['before']]}.",
    ]
    for part, title in PARTS.items():
        rows = [
            [r.case, f"{r.ratio:.2f}", f"{min(r.ratios):.2f} to {max(r.ratios):.2f}"]
            + [rounded(1e3 * median(times)) for times in (r.before, r.now)]
            for r in results
            if r.part == part
        ]
        lines += ["", title, "", table(header, rows)] if rows else []
    return lines


if __name__ == "__main__":
    main()
