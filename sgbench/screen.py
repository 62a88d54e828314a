"""What a run shows while it works: progress bars on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_SECONDS = 15.0


class Task:
    """One thing that takes time: ``update`` says how much of it is done."""

    def update(self, done: float, detail: str = "") -> None:
        """Show that ``done`` of the total is done, with a short remark."""

    def finish(self) -> None:
        """Show that it is done."""


class _Bar(Task):
    def __init__(self, progress: Progress, label: str, total: float):
        self._progress, self._total = progress, total
        self._id = progress.add_task(label, total=total, detail="")

    def update(self, done: float, detail: str = "") -> None:
        self._progress.update(self._id, completed=done, detail=detail)

    def finish(self) -> None:
        self._progress.update(self._id, completed=self._total)


class _Lines(Task):
    def __init__(self, console: Console, label: str, total: float):
        self._console, self._label, self._total = console, label, total
        self._start = self._last = time.monotonic()

    def update(self, done: float, detail: str = "") -> None:
        now = time.monotonic()
        if done < self._total and now - self._last < _LINE_SECONDS:
            return
        self._last = now
        spent = now - self._start
        left = f", {spent * (self._total - done) / done:.0f} s left" if 0 < done < self._total else ""
        self._console.print(
            f"{self._label}: {done / self._total:.0%} in {spent:.0f} s{left}  {detail}", highlight=False
        )


class Screen:
    """Where a run reports."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=not sys.stdout.isatty(), soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, markup=False)

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Task]:
        """Show a task while the block runs."""
        with self.tasks() as add:
            task = add(label, total)
            yield task
            task.finish()

    @contextmanager
    def tasks(self) -> Iterator[Callable[[str, float], Task]]:
        """Show several tasks at once; what is yielded adds one by its label and total."""
        if not self.console.is_terminal:
            yield lambda label, total: _Lines(self.console, label, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
        )
        with Progress(*columns, console=self.console) as progress:
            yield lambda label, total: _Bar(progress, label, total)
