"""Signals that end the command: one line, status 130, whatever is sent again meanwhile."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from sgbench.commands.execution import Parser, execute
from sgbench.support.termination import ENDING, ignore_signals, termination_interrupts
from sgbench.training.interrupts import interruptible

LINE = "interrupted; all that is done is kept: run the same command again to go on"


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_each_signal_interrupts_a_command(capsys, number):
    before = [signal.getsignal(n) for n in ENDING]

    def work(_):
        os.kill(os.getpid(), number)
        raise AssertionError("the signal was not heeded")

    assert execute(Parser(), work, []) == 130
    assert capsys.readouterr().err == f"{LINE}\n"
    assert [signal.getsignal(n) for n in ENDING] == before


def test_what_the_process_was_started_to_ignore_stays_ignored():
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_interrupts(), interruptible() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupted()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_while_an_iteration_runs_a_signal_is_noted_and_another_one_interrupts(number):
    with termination_interrupts(), interruptible() as interrupted:
        os.kill(os.getpid(), number)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_another_signal_that_comes_with_the_first_is_noted_too():
    with termination_interrupts(), interruptible() as interrupted:
        signal.pthread_sigmask(signal.SIG_BLOCK, both := (signal.SIGINT, signal.SIGTERM))
        for number in both:
            os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
        assert interrupted()


def test_a_signal_that_comes_again_is_left_to_the_system_where_it_was_before():
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == signal.SIGTERM
    else:
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)


def test_a_command_in_another_thread_sets_no_handler():
    ended = []
    thread = threading.Thread(target=lambda: ended.append(execute(Parser(), lambda _: ignore_signals() or 0, [])))
    thread.start()
    thread.join()
    assert ended == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


PROGRAM = """
import atexit, os, signal, sys
from sgbench.commands.execution import Parser, execute

def work(_):
    os.kill(os.getpid(), signal.SIGTERM)

def again():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)

atexit.register(again)  # functions run from the last to the first
sys.exit(execute(Parser(), work, []))
"""


def test_signals_while_the_process_ends_make_no_traceback():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, f"{LINE}\n")
