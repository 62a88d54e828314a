"""The command prints a line for each check and says by its status whether the contract is kept."""

import json

import pytest

from sgbench.commands.door import main
from sgbench.trials import contract
from sgbench.trials.contract import Finding


@pytest.fixture
def findings(monkeypatch):
    """What the checks find, without making them."""
    made = []

    def pretended(cls, settings):
        yield from made

    monkeypatch.setattr(contract, "check_contract", pretended)
    return made


def test_a_method_that_keeps_the_contract(findings, capsys):
    findings += [Finding("construction", "ok"), Finding("images of 64x64", "not applicable", "too\nlarge")]
    assert main(["check", "sggan", "--settings", "base_width=4", "n_critic=1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok              construction",
        "not applicable  images of 64x64: too large",
    ]


def test_findings_for_programs(findings, capsys):
    findings += [Finding("construction", "ok"), Finding("an iteration", "failed", "mend it")]
    assert main(["check", "sggan", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"check": "construction", "state": "ok", "words": ""},
        {"check": "an iteration", "state": "failed", "words": "mend it"},
    ]


def test_one_that_does_not(findings, capsys):
    findings += [Finding("construction", "ok"), Finding("an iteration", "failed", "mend it")]
    assert main(["check", "sggan"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "failed          an iteration: mend it"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "unknown method 'nosuch'"),
        (["nosuch.module:Class"], "unknown method 'nosuch.module:Class': No module named"),
        (["sggan", "--settings", "lambda=1"], "--settings: lambda: Extra inputs"),
        (["sggan", "--config", "nosuch"], "--config nosuch: no such file"),
    ],
)
def test_what_cannot_be_checked_is_bad_input(arguments, said, capsys):
    assert main(["check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
