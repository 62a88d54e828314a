"""The benchmark of a step: its command line, and a dry run of it."""

import pytest

from benchmarks import step
from benchmarks.timing.cases import case_of
from benchmarks.timing.commits import Against


def test_arguments():
    options = step.parser().parse_args([])
    assert (options.device, options.config, options.methods) == ("cpu", "quick", ["sggan", "stargan", "residualgan"])
    assert options.turns >= 12
    assert options.out.name == "step.md"
    given = step.parser().parse_args(
        ["--device", "cuda", "--config", "paper", "--methods", "stargan,sggan", "--rounds", "3", "--against", "abc"]
    )
    assert (given.device, given.config, given.methods, given.rounds) == ("cuda", "paper", ["stargan", "sggan"], 3)
    assert given.against == "abc"
    with pytest.raises(SystemExit):
        step.parser().parse_args(["--config", "none"])


@pytest.mark.slow
def test_a_dry_run(tmp_path, capsys):
    out = tmp_path / "step.md"
    step.main(["--dry", "--methods", "residualgan", "--rounds", "1", "--out", str(out)])
    text = out.read_text()
    assert text in capsys.readouterr().out
    for version in step.VERSIONS:
        assert f"| ResidualGAN | {version} |" in text
    assert "`python -m benchmarks.step`, on 1 thread" in text
    assert "the ratio is the statement" in text
    assert "Against commit" not in text


def test_a_comparison_of_commits_is_told_as_a_ratio():
    result = Against(case_of("residualgan", (2,), 32), (3.0, 2.0, 8.0), (1.0, 1.0, 2.0))
    assert result.ratio == 3.0
    whole = Against(result.case, (3.0,), (2.0,), "whole")
    text = "\n".join(step.comparison("abc1234", [result, whole], {"before": False, "now": True}))
    assert "Against commit abc1234" in text
    assert "| 3.00 | 2.00 to 4.00 | 3,000 | 1,000 |" in text
    assert text.index("The step alone") < text.index("| 3.00 |") < text.index("The whole") < text.index("| 1.50 |")
    assert "Today's is with the C extension, the other without" in text
