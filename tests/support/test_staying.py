"""Code from elsewhere does not end the process, puts no program in its place, and goes on in one process alone."""

import os
import subprocess
import sys

import pytest

from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign

ENDS = {
    "os._exit(0)": lambda: os._exit(0),
    "os._exit(1)": lambda: os._exit(1),
    "os.execv('/bin/true')": lambda: os.execv("/bin/true", ["true"]),
    "os.execve('/bin/true')": lambda: os.execle("/bin/true", "true", {}),
    "os.execve('/bin/sh')": lambda: os.execvpe("/bin/sh", ["sh"], os.environ),
    "os.execv('/bin/sh') ": lambda: os.execlp("/bin/sh", "sh", "-c", "exit 0"),
}


@pytest.mark.parametrize("call", ENDS)
def test_foreign_code_does_not_end_the_process(call):
    before = os._exit, os.execv, os.execve
    with pytest.raises(UserError) as caught, foreign("brought"), foreign("inner"):
        ENDS[call]()
    assert str(caught.value) == f"inner: calls {call.strip()}, which would end the program; remove the call"
    assert (os._exit, os.execv, os.execve) == before


def forked(work):
    """Exit status of a process that foreign code forks, and whether this one went on."""
    process = os.getpid()
    with foreign("brought"):
        child = os.fork()
        if not child:
            work()
    assert os.getpid() == process
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_process_that_foreign_code_forks_may_end_or_become_another_program():
    assert forked(lambda: os._exit(7)) == 7
    assert forked(lambda: os.execv("/bin/sh", ["sh", "-c", "exit 8"])) == 8
    with foreign("brought"):
        assert subprocess.run([sys.executable, "-c", "raise SystemExit(9)"], check=False).returncode == 9


@pytest.mark.parametrize("work", [lambda: None, lambda: 1 / 0, lambda: sys.exit(0)])
def test_a_process_that_foreign_code_forks_and_forgets_does_not_go_on_with_the_suites_work(work, capfd):
    assert forked(work) == 1
    assert capfd.readouterr().err == "warning: brought: a process that it forked went on; it is ended\n"
