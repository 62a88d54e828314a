"""The stages of a run: each is named, shown and timed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sgbench.support.screen import Screen


@dataclass
class Stages:
    """Stages of a run.

    Attributes:
        names: of all stages, in their order.
        tell: says to other processes which stage this one is in.
        seconds: duration of each finished stage.
    """

    screen: Screen
    names: tuple[str, ...]
    tell: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show a stage while the block runs, and take its time."""
        start = time.monotonic()
        told = f"stage {self.names.index(name) + 1}/{len(self.names)}: {name}"
        self.screen.say(told)
        self.tell(told)
        yield
        self.seconds[name] = time.monotonic() - start
