"""How the time and the memory of an iteration grow with attributes, image size and batch, against its arithmetic.

    python -m benchmarks.growth_steps [--device cuda]

One factor at a time is varied. Through the logarithms of the points a line is fitted: its slope is the power with which
time or memory grows as the counted operations grow. A slope of 1 is growth in step with the arithmetic; less is what a
fixed cost leaves. Where the operations hardly grow, no line is fitted. Networks are narrow on a CPU, where one thread
computes, and the paper's on a GPU. The step is the one that the loop runs, in bfloat16. Writes ``growth_steps.md``.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median

import torch

from benchmarks.timing.cases import METHODS, Case, case_of
from benchmarks.timing.markdown import mebibytes, rounded, table
from benchmarks.timing.measures import PeakMemory, free, hardware, in_turns
from benchmarks.timing.traffic import Traffic
from benchmarks.timing.versions import bytes_held, bytes_of_images, our_steps, runner
from sgbench.training.steps import Steps

NARROW = {"base_width": 8, "discriminator_width": 8, "n_critic": 2}
FACTORS = {"attributes": (1, 2, 4, 8), "size": (32, 64, 128, 256), "batch": (2, 4, 8, 16)}
OTHERWISE = {
    "cpu": {"attributes": 2, "size": 32, "batch": 4},
    "cuda": {"attributes": 4, "size": 128, "batch": 8},
}
"""What a factor is while another is varied."""
SLACK = 0.1
"""How much more than 1 a slope may be before growth is called faster than the arithmetic."""
LEAST_SPREAD = 1.5
"""How many times as many operations the largest case needs, at least, for lines against them to be fitted."""


@dataclass(frozen=True)
class Point:
    """A case with one value of a factor.

    Attributes:
        value: of the factor.
        flops: operations of an iteration, counted.
        seconds: of an iteration, median.
        memory: bytes of networks, moments and what an iteration makes, at most.
    """

    case: Case
    value: int
    flops: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class Growth:
    """A factor's points, in ascending order of its values."""

    factor: str
    points: tuple[Point, ...]

    def against_flops(self, of: str) -> float:
        """The power with which ``seconds`` or ``memory`` grows with the operations."""
        return slope([p.flops for p in self.points], [getattr(p, of) for p in self.points])

    def against_factor(self, of: str) -> float:
        """The power with which ``flops``, ``seconds`` or ``memory`` grows with the factor."""
        return slope([p.value for p in self.points], [getattr(p, of) for p in self.points])

    @property
    def at_the_end(self) -> float:
        """The power of the seconds between the two largest cases, where a fixed cost counts least."""
        one, other = self.points[-2:]
        return slope([one.flops, other.flops], [one.seconds, other.seconds])

    @property
    def in_step(self) -> bool | None:
        """Whether neither time nor memory grows faster than the arithmetic; None where that hardly grows."""
        if self.points[-1].flops < LEAST_SPREAD * self.points[0].flops:
            return None
        return max(self.against_flops("seconds"), self.against_flops("memory")) <= 1 + SLACK


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write a Markdown file."""
    options = parser().parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    growths = [
        growth(method, factor, device, options)
        for method in options.methods
        for factor in options.factors
        if method != "residualgan" or factor != "attributes"  # a model of it has one
    ]
    text = "\n".join(report(growths, device, options)) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsed = argparse.ArgumentParser(prog="python -m benchmarks.growth_steps", description=__doc__.splitlines()[0])
    parsed.add_argument("--device", default="cpu", help="cpu or cuda")
    parsed.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS), help="with commas")
    parsed.add_argument("--factors", type=lambda text: text.split(","), default=list(FACTORS), help="with commas")
    parsed.add_argument("--rounds", type=int, default=3, help="how often each case has its turn")
    parsed.add_argument("--dry", action="store_true", help="tiny networks, two points each: only to see that it runs")
    parsed.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    return parsed


def cases(method: str, factor: str, device: torch.device, dry: bool) -> list[tuple[int, Case]]:
    """The values of a factor and their cases."""
    found = []
    for value in FACTORS[factor][: 2 if dry else None]:
        chosen = OTHERWISE[device.type] | {factor: value}
        narrow = {} if device.type == "cuda" else NARROW
        case = case_of(method, (2,) * chosen["attributes"], chosen["size"], batch_size=chosen["batch"], **narrow)
        found.append((value, case.changed(base_width=2, discriminator_width=2, n_critic=1) if dry else case))
    return found


def growth(method: str, factor: str, device: torch.device, options: argparse.Namespace) -> Growth:
    """Measure a factor's cases: on a CPU in turns, on a GPU, which is not shared, one after another."""
    chosen = cases(method, factor, device, options.dry)
    lots = [chosen] if device.type == "cpu" else [[one] for one in chosen]
    points = [point for lot in lots for point in measured(lot, device, options.rounds)]
    print(f"{chosen[0][1].name}, {factor}: measured", flush=True)
    return Growth(factor, tuple(points))


def measured(lot: Sequence[tuple[int, Case]], device: torch.device, rounds: int) -> list[Point]:
    """Time some cases in turns."""
    runs, memory = {}, {}
    for value, case in lot:
        with PeakMemory(device) as peak:
            steps = our_steps(case, device, "bfloat16", replayed=True)
            runs[value] = runner(steps)
            runs[value]()
            runs[value]()
        memory[value] = peak.allocated - bytes_of_images(steps) if device.type == "cuda" else made_by(steps)
    seconds = in_turns(runs, rounds, device)
    runs.clear()
    free(device)
    return [Point(case, value, case.flops().total, median(seconds[value]), memory[value]) for value, case in lot]


def made_by(steps: Steps) -> int:
    """Bytes of networks, moments and what an iteration on a CPU makes, at most."""
    with Traffic() as traffic:
        steps.run(0)
    return bytes_held(steps) + traffic.peak


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the line through the logarithms, by least squares."""
    a, b = [log(v) for v in x], [log(v) for v in y]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    above = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True))
    return above / sum((p - mean_a) ** 2 for p in a)


def report(growths: Sequence[Growth], device: torch.device, options: argparse.Namespace) -> list[str]:
    """The whole file."""
    flags = f" --device {options.device}" * (options.device != "cpu")
    networks = "the paper's" if device.type == "cuda" else "8 wide, with two critic updates an iteration"
    constant = ", ".join(f"{name} {value}" for name, value in OTHERWISE[device.type].items())
    slopes = [
        [
            *(g.points[0].case.name, g.factor, f"{g.points[0].value} to {g.points[-1].value}"),
            f"{g.against_factor('flops'):.2f}",
            f"{g.against_factor('seconds'):.2f}",
            f"{g.against_factor('memory'):.2f}",
            *(
                ("–", "–", "–")
                if g.in_step is None
                else (
                    f"{g.against_flops('seconds'):.2f}",
                    f"{g.at_the_end:.2f}",
                    f"{g.against_flops('memory'):.2f}",
                )
            ),
            {True: "yes", False: "NO", None: "operations hardly grow"}[g.in_step],
        ]
        for g in growths
    ]
    header = (
        *("Method", "Factor", "From", "Operations", "Time", "Memory"),
        *("Time", "of it between the two largest", "Memory", "In step"),
    )
    points = [
        [
            *(g.points[0].case.name, f"{g.factor} {p.value}", f"{p.flops / 1e9:,.2f}", rounded(1e3 * p.seconds)),
            *(f"{p.flops / p.seconds / 1e9:,.1f}", mebibytes(p.memory)),
        ]
        for g in growths
        for p in g.points
    ]
    slowest = [g for g in growths if g.in_step is False]
    names = "; ".join(f"{g.points[0].case.name} with {g.factor}" for g in slowest)
    return [
        "# How an iteration grows",
        "",
        f"`python -m benchmarks.growth_steps{flags}`, on {hardware(device)}.",
        "",
        f"One factor at a time is varied; otherwise {constant}. Networks are {networks}. The first three powers are "
        "against the factor, the next three against the operations that an iteration needs; 1 is growth in step with "
        "them. "
        + (
            f"Faster than the arithmetic, by more than {SLACK}: {names}."
            if slowest
            else f"Nothing grows faster than its arithmetic (powers of at most {1 + SLACK})."
        ),
        "",
        table(header, slopes, words=3),
        "",
        table(("Method", "Case", "10^9 operations", "ms", "GFLOP/s", "MiB at most"), points, words=2),
    ]


if __name__ == "__main__":
    main()
