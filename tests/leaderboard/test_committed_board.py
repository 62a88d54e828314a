"""The committed leaderboard is what its command makes of the committed reports, to the last byte."""

import shutil
from pathlib import Path

import pytest

from sgbench.commands.leaderboard import main

REPORTS = Path(__file__).parents[2] / "reports"


@pytest.mark.slow
def test_the_committed_leaderboard_is_made_again_without_a_difference(tmp_path):
    again = tmp_path / "reports"
    shutil.copytree(REPORTS, again, ignore=shutil.ignore_patterns("leaderboard", "*.png", "*.pdf"))
    assert main([str(again), "-o", str(again / "leaderboard")]) == 0
    names = sorted(path.name for path in (REPORTS / "leaderboard").iterdir())
    assert names == ["index.html", "leaderboard.csv", "leaderboard.md"]
    for name in names:
        assert (again / "leaderboard" / name).read_bytes() == (REPORTS / "leaderboard" / name).read_bytes(), name
