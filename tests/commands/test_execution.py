"""How commands end: each way has its status, and the output may be narrow, full or closed."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgbench.commands import door, execution
from sgbench.commands.execution import Parser, execute
from sgbench.support.errors import BrokenFile, UserError

ROOT = str(Path(__file__).parents[2])


def ended(work, argv=()):
    return execute(Parser(prog="sgbench test"), lambda _: work(), list(argv))


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize("status", [0, 1])
def test_a_command_gives_its_own_status(status, capsys):
    assert ended(lambda: status) == status
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (UserError("a\nb"), 2, "error: a b"),
        (BrokenFile("x.csv: is broken"), 2, "error: x.csv: is broken"),
        (FileNotFoundError(2, "No such file", "x"), 2, "error: x: No such file; free space, mend the path"),
        (MemoryError(), 2, "error: memory ran out; ask for fewer or smaller images"),
        (KeyboardInterrupt(), 130, "interrupted; all that is done is kept"),
    ],
)
def test_what_is_not_our_fault_is_one_line(error, status, says, capsys):
    assert ended(raising(error)) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(says)


@pytest.mark.parametrize("error", [KeyError("gone"), RecursionError(), SystemExit(0), SystemExit(1), GeneratorExit()])
def test_a_fault_is_neither_a_verdict_nor_a_success_and_asks_for_a_report(error, capsys):
    assert ended(raising(error)) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("fault: ")
    assert "please report it to the authors of sgbench, with the lines above" in lines[-1]


def test_a_fault_of_a_command_that_cannot_even_be_loaded_is_one_too(monkeypatch, capsys):
    monkeypatch.setitem(door.COMMANDS, "run", ("sgbench.nowhere", ""))
    assert door.main(["run"]) == 3
    assert "fault: ModuleNotFoundError: " in capsys.readouterr().err


def test_an_option_may_stand_once(capsys):
    parser = Parser(prog="sgbench test")
    parser.add_argument("--name")
    parser.add_argument("more", nargs="*")
    assert execute(parser, lambda given: int(given.name), ["--name", "0"]) == 0
    assert execute(parser, lambda given: len(given.more), ["--", "--name", "--name"]) == 2
    assert capsys.readouterr().err == ""
    assert execute(parser, lambda _: 0, ["--name", "a", "--name=b"]) == 2
    assert "argument --name: is given 2 times; give it once" in capsys.readouterr().err


def test_what_cannot_be_printed_is_escaped(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert ended(lambda: print("3 → é \udcff") or 0) == 0
    assert narrow.buffer.getvalue() == b"3 \\u2192 \\xe9 \\udcff\n"


def run(code, **options):
    """A Python process with the package, without what a test process has set."""
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, **options)


WRITING = "import sys; from sgbench.commands.execution import *; sys.exit(execute(Parser(), lambda _: {}, []))"


RICH = "__import__('rich.console').console.Console().print('x\\n' * 10**4)"


@pytest.mark.parametrize("write", ["print('x' * 10**6)", RICH])
def test_an_output_that_is_closed_is_no_fault(write):
    code = f"import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1)\n{WRITING.format(write)}"
    done = run(code)
    assert (done.returncode, done.stderr) == (141, "")


class FullDisk(io.StringIO):
    """An output that takes nothing, at once or when it is flushed."""

    def __init__(self, buffered):
        super().__init__()
        self.buffered = buffered

    def write(self, text):
        return len(text) if self.buffered else self.flush()

    def flush(self):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "command", [lambda: door.main(["--version"]), lambda: door.main(["verify", "--help"]), lambda: ended(lambda: 0)]
)
def test_an_output_on_a_full_disk_is_one_line_that_names_it(monkeypatch, capsys, buffered, command):
    with monkeypatch.context() as patched:
        patched.setattr(execution, "_close_output", lambda: patched.setattr(sys, "stdout", io.StringIO()))
        patched.setattr(sys, "stdout", FullDisk(buffered))
        assert command() == 2
    told = "error: standard output: No space left on device; free space or send it elsewhere\n"
    assert capsys.readouterr().err == told


def test_a_file_that_cannot_be_written_is_named_and_not_the_output(capsys):
    for error in (OSError(28, "full", "a.csv"), OSError(28, "full", "source.csv", None, "a.csv")):
        assert ended(raising(error)) == 2
        assert capsys.readouterr().err.startswith("error: a.csv: full; free space")
    assert ended(raising(FileNotFoundError(2, "No usable temporary directory"))) == 2
    assert capsys.readouterr().err.startswith("error: No usable temporary directory; free space")


@pytest.mark.parametrize("start", [["-m", "sgbench", "run"], ["-m", "sgbench.run"]])
@pytest.mark.parametrize("arguments", [["--methods", "nosuch"], ["--config", "nosuch"], ["--nosuch"]])
def test_every_way_to_start_answers_a_wrong_name_alike_and_loads_nothing_heavy(start, arguments):
    program = f"""
import runpy, sys
sys.argv = {["sgbench", *start[2:], *arguments]}
try:
    runpy.run_module({start[1]!r}, run_name="__main__", alter_sys=True)
except SystemExit as ended:
    assert not {{"torch", "numpy", "pandas", "pydantic"}} & sys.modules.keys()
    sys.exit(ended.code)
"""
    done = run(program)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "nosuch" in done.stderr


@pytest.mark.parametrize(
    ("closed", "given", "status"),
    [(">&-", "help", 0), ("2>&-", "nothing", 2), (">&- 2>&- <&-", "help", 0), ("2>/dev/full", "nothing", 2)],
)
def test_a_stream_that_is_closed_or_full_changes_no_status(closed, given, status):
    command = f"{sys.executable} -m sgbench {given} {closed}"
    assert subprocess.run(command, shell=True, cwd="/", env={**os.environ, "PYTHONPATH": ROOT}).returncode == status
