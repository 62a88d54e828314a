"""Steps of two commits in turns, each in a process of its own with one thread."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from benchmarks.timing.cases import Case

ROOT = Path(__file__).parents[2]
_CHILD = Path(__file__).with_name("child.py")
Part = Literal["step", "whole"]
_BUILD = "import setuptools; setuptools.setup()"


@dataclass(frozen=True)
class Against:
    """A method's iterations at another commit, and today's.

    Attributes:
        before, now: seconds of an iteration in each turn.
        part: the step alone, or the whole iteration, with its batches drawn and its losses read.
    """

    case: Case
    before: tuple[float, ...]
    now: tuple[float, ...]
    part: Part = "step"

    @property
    def ratios(self) -> list[float]:
        """How many times faster today's step was, in each turn."""
        return [a / b for a, b in zip(self.before, self.now, strict=True)]

    @property
    def ratio(self) -> float:
        """Median over turns."""
        return median(self.ratios)


def against(
    commit: str, cases: Sequence[Case], turns: int = 12, iterations: int = 3, precision: str = "bfloat16"
) -> tuple[list[Against], dict[str, bool]]:
    """Time some cases at a commit and today.

    Args:
        iterations: in each turn.

    Returns:
        A comparison for each case and part; whether each version's C extension was built, under ``before`` and ``now``.

    Raises:
        subprocess.CalledProcessError: there is no such commit.
        RuntimeError: a version's process ended early; what it said is on standard error.
    """
    asked = {
        case.method: {
            "values": case.values,
            "size": case.size,
            "settings": case.settings.model_dump(mode="json"),
            "precision": precision,
        }
        for case in cases
    }
    with ExitStack() as stack:
        before = stack.enter_context(child(stack.enter_context(checkout(commit)), asked))
        now = stack.enter_context(child(ROOT, asked))
        native = {name: json.loads(answer(p))["native"] for name, p in (("before", before), ("now", now))}
        results = []
        for case, part in product(cases, get_args(Part)):
            for process in (before, now):
                ask(process, case.method, part, iterations)  # builds the method and warms up
            pairs = [[ask(p, case.method, part, iterations) for p in (before, now)] for _ in range(turns)]
            results.append(Against(case, *zip(*pairs, strict=True), part))
        return results, native


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A commit's files in a temporary folder, with its C extension if it has one and it can be built."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "checkout"
        git("worktree", "add", "--quiet", "--detach", str(root), commit)
        try:
            if list(root.rglob("_native.c")):
                command = [sys.executable, "-c", _BUILD, "build_ext", "--inplace"]
                subprocess.run(command, cwd=root, capture_output=True, check=False)
            yield root
        finally:
            git("worktree", "remove", "--force", str(root))


def git(*arguments: str) -> str:
    """What a command of git prints, run in this repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def child(root: Path, asked: dict) -> Iterator[subprocess.Popen]:
    """A process that times the steps of a checkout."""
    process = subprocess.Popen(
        [sys.executable, str(_CHILD), str(root), json.dumps(asked)],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen, method: str, part: Part, iterations: int) -> float:
    """Seconds of an iteration."""
    process.stdin.write(f"{method} {part} {iterations}\n")
    process.stdin.flush()
    return float(answer(process))


def answer(process: subprocess.Popen) -> str:
    """A process's next line."""
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a version's process ended early, with status {process.wait()}")
    return line
