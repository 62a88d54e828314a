"""One command with several: what each is for, at once, and what is meant by a misspelt one."""

import importlib.util
import subprocess
import sys
import time

import pytest

from sgbench.commands.door import COMMANDS, main


def test_help_lists_every_command_with_a_line(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, about) in COMMANDS.items():
        assert [line for line in lines if line.split() and line.split()[0] == name and line.endswith(about)]


def test_code_in_the_working_folder_is_found_after_all_other(tmp_path, monkeypatch, capsys):
    """The installed command is not told of the folder by Python, as ``python -m`` is."""
    (tmp_path / "of_the_folder.py").write_text("x = 1")
    (tmp_path / "pytest.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    with pytest.raises(SystemExit):
        main(["pack", "--help"])
    assert importlib.util.find_spec("of_the_folder").origin == str(tmp_path / "of_the_folder.py")
    assert sys.path.count(str(tmp_path)) == 1
    assert sys.path[-1] == str(tmp_path)
    with pytest.raises(SystemExit):
        main(["pack", "--help"])
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_it_answers_within_a_few_starts_of_python_itself(arguments):
    """A ratio in one run (under a tenth of a second on an idle machine), which holds on a busy one too."""
    seconds = {("-c", "pass"): [], ("-m", "sgbench", *arguments): []}
    for _ in range(4):
        for command, times in seconds.items():
            start = time.monotonic()
            subprocess.run([sys.executable, *command], capture_output=True, check=False)
            times.append(time.monotonic() - start)
    bare, ours = (min(times) for times in seconds.values())
    assert ours < 6 * bare


@pytest.mark.parametrize("wrong", [["--methods", "nosuch"], ["--config", "miniature", "--experiment", "table9"]])
def test_a_wrong_name_is_told_before_anything_heavy_is_imported(wrong):
    code = "import sys; from sgbench.commands.door import main; assert main(sys.argv[1:]) == 2"
    code += "; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, "run", *wrong], capture_output=True, text=True, check=True)
    assert wrong[-1] in done.stderr


def test_help_needs_no_docstrings():
    command = [sys.executable, "-OO", "-m", "sgbench", "run", "--help"]
    assert "--methods" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_that_names_it(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: sgbench {name} ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runn"], "unknown command 'runn'; did you mean run? the commands are run, "),
        (["verfy", "x"], "did you mean verify?"),
        (["nothing-like-it"], "unknown command 'nothing-like-it'; the commands are "),
        ([], "no command is given; the commands are "),
        (["--methods", "sggan"], "--methods comes before a command; say sgbench run --methods ..."),
    ],
)
def test_what_is_no_command_is_one_line(arguments, said, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_command_gets_its_arguments_and_gives_its_status(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert f"error: {tmp_path}: not a finished study" in capsys.readouterr().err
    assert main(["run", "--methods", "nosuch", "--out", str(tmp_path / "runs")]) == 2
    assert "unknown method 'nosuch'" in capsys.readouterr().err
