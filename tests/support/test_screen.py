"""Progress: rate and time left, in lines and in bars."""

import io

import pytest
from rich.console import Console

from sgbench.support import screen as module
from sgbench.support.screen import Screen


class Clock:
    """Stands still until a test moves it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def shown(clock, updates, unit="images", total=10_000):
    """Lines printed for updates (seconds since the start, done)."""
    out = io.StringIO()
    with Screen(Console(file=out, width=200)).task("packing", total, unit) as task:
        start = clock.now
        for seconds, done in updates:
            clock.now = start + seconds
            task.update(done)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_line_each_minute_has_rate_and_time_left(clock):
    lines = shown(clock, [(0, 0), (1, 50), (59, 2950), (64, 3200), (100, 5000), (128, 6400), (200, 10_000)])
    assert lines == [
        "packing: 32% in 64 s, 50 images/s, 2 min left",
        "packing: 64% in 2 min, 50 images/s, 72 s left",
        "packing: 100% in 3 min, 50 images/s",
    ]


@pytest.mark.parametrize(("done", "rate"), [(60, "1.0 epochs/s"), (1200, "20 epochs/s"), (6, "6.0 epochs/min")])
def test_what_is_slow_is_counted_by_the_minute(clock, done, rate):
    (line,) = shown(clock, [(0, 0), (60, done)], unit="epochs")
    assert f", {rate}, " in line


def test_what_was_done_before_is_not_speed(clock):
    lines = shown(clock, [(0, 6000), (80, 8000)])
    assert lines == ["packing: 80% in 80 s, 25 images/s, 80 s left"]


def test_without_a_unit_there_is_no_rate_and_without_progress_no_time_left(clock):
    assert shown(clock, [(0, 0), (60, 5000)], unit="") == ["packing: 50% in 60 s, 60 s left"]
    assert shown(clock, [(60, 5000)]) == ["packing: 50% in 60 s"]
    assert shown(clock, [(0, 0), (60, 0)]) == ["packing: 0% in 60 s"]
    assert shown(clock, [(0, 10_000)]) == ["packing: 100% in 0 s"]


@pytest.mark.parametrize("unit", ["images", ""])
def test_a_bar_has_a_rate_where_there_is_a_unit(unit):
    out = io.StringIO()
    with Screen(Console(file=out, width=160, force_terminal=True)).task("packing", 1000, unit) as task:
        for done in range(0, 1001, 100):
            task.update(done)
    assert ("images/s" in out.getvalue()) == bool(unit)
    assert "100%" in out.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_names_are_shown_as_they_are(terminal, clock):
    out = io.StringIO()
    screen = Screen(Console(file=out, width=200, force_terminal=terminal, color_system=None))
    screen.say("[red]said[/] :smile: \x1b[2J")
    with screen.task("[b]job[/] :smile: \x07", 10) as task:
        clock.now += 60
        task.update(10, "[i]loss[/] \x1b[1m")
    shown = out.getvalue()
    for text in ("[red]said[/] :smile: \\x1b[2J", "[b]job[/] :smile: \\x07", "[i]loss[/] \\x1b"):
        assert text in shown
    assert not {code for code in ("\x07", "\x1b[2J", "\x1b[1m") if code in shown}


def test_messages_and_progress_go_to_standard_error_and_results_to_standard_output(capsys):
    screen = Screen()
    screen.say("said")
    with screen.task("packing", 2) as task:
        task.update(2)
    screen.result("a result [bold] :smile:")
    out, err = capsys.readouterr()
    assert out == "a result [bold] :smile:\n"
    assert err.splitlines()[0] == "said"
    assert "packing" in err
