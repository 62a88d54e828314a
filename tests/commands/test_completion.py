"""Shells complete commands and options; what every command's help says."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess

import pytest

from sgbench.commands import completion
from sgbench.commands.door import COMMANDS, parser_of


@pytest.fixture(scope="module")
def scripts():
    """The script of each shell."""
    found = {}
    for shell in completion.SHELLS:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert completion.main([shell]) == 0
        found[shell] = out.getvalue()
    return found


def completed(script, *words):
    """What bash offers for the last of the words."""
    given = " ".join(f"'{word}'" for word in ("sgbench", *words))
    asked = f"COMP_WORDS=({given}); COMP_CWORD={len(words)}; _shtab_sgbench; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_commands_and_options(scripts):
    assert set(completed(scripts["bash"], "")) >= set(COMMANDS)
    assert completed(scripts["bash"], "ver") == ["verify"]
    assert "--sparse" in completed(scripts["bash"], "run", "--sp")
    assert completed(scripts["bash"], "completion", "z") == ["zsh"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_command_is_in_each_script(scripts, shell):
    assert all(re.search(rf"\b{name}\b", scripts[shell]) for name in COMMANDS)


def test_another_shell_is_refused_in_one_line(capsys):
    assert completion.main(["fish"]) == 2
    assert re.fullmatch(r"error: argument shell: invalid choice: 'fish'.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_two_examples_that_parse(name):
    parser = parser_of(name)
    _, found, examples = parser.format_help().partition("examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip().startswith(("sgbench ", "python -m"))]
    assert found
    assert len(lines) >= 2
    for line in lines:
        words = shlex.split(re.sub(r"\s+(>|#).*", "", line))
        assert words[:2] == ["sgbench", name], line
        parser.parse_args(words[2:])
