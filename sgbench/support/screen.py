"""What a run shows while it works: progress bars on a terminal, otherwise a line each minute.

Rate and time left are measured from a task's first update, so that work of an earlier, interrupted run does not count
as speed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Task as RichTask
from rich.text import Text

from sgbench.support.text import duration, printable

_LINE_SECONDS = 60.0


def plain_console(**settings: Any) -> Console:
    """A console that prints texts as they are: no markup, no names of emoji, no colours of its own."""
    return Console(markup=False, emoji=False, highlight=False, **settings)


class Task:
    """Work that takes time; ``update`` tells how much of it is done, ``advance`` how much more."""

    _done = 0.0

    def advance(self, number: float) -> None:
        """Show that so much more is done."""
        self._done += number
        self.update(self._done)

    def update(self, done: float, detail: str = "") -> None:
        """Show that ``done`` of the total is done, with a short remark."""

    def finish(self) -> None:
        """Show that it is done."""


class _Bar(Task):
    def __init__(self, progress: Progress, label: str, total: float, unit: str):
        self._progress, self._total = progress, total
        self._id = progress.add_task(printable(label), total=total, detail="", unit=unit)

    def update(self, done: float, detail: str = "") -> None:
        self._progress.update(self._id, completed=done, detail=printable(detail))

    def finish(self) -> None:
        self._progress.update(self._id, completed=self._total)


class _Rate(ProgressColumn):
    """Units per second, or per minute, if the task has a unit."""

    def render(self, task: RichTask) -> Text:
        speed, unit = task.finished_speed or task.speed, task.fields["unit"]
        return Text(_rate(speed, unit) if unit and speed else "")


class _Lines(Task):
    def __init__(self, console: Console, label: str, total: float, unit: str):
        self._console, self._label, self._total, self._unit = console, label, total, unit
        self._start = self._last = time.monotonic()
        self._first: tuple[float, float] | None = None

    def update(self, done: float, detail: str = "") -> None:
        now = time.monotonic()
        self._first = self._first or (now, done)
        if done < self._total and now - self._last < _LINE_SECONDS:
            return
        self._last = now
        parts = [f"{done / self._total:.0%} in {duration(now - self._start)}"]
        since, before = self._first
        if now > since and done > before:
            rate = (done - before) / (now - since)
            parts += [_rate(rate, self._unit)] if self._unit else []
            parts += [f"{duration((self._total - done) / rate)} left"] if done < self._total else []
        _print(self._console, f"{self._label}: {', '.join(parts)}  {detail}")


class Screen:
    """Where a command shows its progress, on standard error, and its results, on standard output."""

    def __init__(self, console: Console | None = None):
        self.console = console or plain_console(stderr=True, soft_wrap=True)
        self.output = console or plain_console(soft_wrap=True)

    def result(self, text: str) -> None:
        """Print a line of what the command was asked for."""
        _print(self.output, text)

    def say(self, text: str) -> None:
        """Print a line."""
        _print(self.console, text)

    @contextmanager
    def task(self, label: str, total: float, unit: str = "") -> Iterator[Task]:
        """Show a task while the block runs, with its rate if there is a unit, such as ``images``."""
        with self.tasks() as add:
            task = add(label, total, unit)
            yield task
            task.finish()

    @contextmanager
    def tasks(self) -> Iterator[Callable[..., Task]]:
        """Show several tasks at once; yields a function that adds one by its label, total and, optionally, unit."""
        if not self.console.is_terminal:
            yield lambda label, total, unit="": _Lines(self.console, label, total, unit)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self.console) as progress:
            yield lambda label, total, unit="": _Bar(progress, label, total, unit)


def _rate(rate: float, unit: str) -> str:
    """Units per second, or per minute where they are slow."""
    number, time_unit = (rate, "s") if rate >= 1 else (rate * 60, "min")
    return f"{number:,.0f} {unit}/{time_unit}" if number >= 10 else f"{number:.1f} {unit}/{time_unit}"


def _print(console: Console, text: str) -> None:
    console.print(printable(text), markup=False, emoji=False, highlight=False)
