"""Reports of many systems: who is tested against whom, that it is said, and that work grows as the systems do."""

import cProfile
import pstats
from collections import Counter
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from many import many, scores_of

from sgbench.report import comparisons, contents, latex, markdown
from sgbench.report.making import make_report
from sgbench.report.members import FEW, Member
from sgbench.report.reference import choose_reference
from sgbench.report.text import shown
from sgbench.report.verification import verify
from sgbench.results.records import COLUMNS, Record
from sgbench.results.system_folder import SystemFolder
from sgbench.scoring.figures import cells


def members(number, seeds=(0,)):
    """Systems of a report; each method has every seed."""
    places = [(f"m{k // len(seeds)}", seeds[k % len(seeds)]) for k in range(number)]
    return [Member(SystemFolder(Path(f"{m}-s{s}")), m, m, f"{m}, {s}", m.upper(), seed=s) for m, s in places]


def written(study):
    """The paired tests of a study's report, and the page."""
    report = make_report(study, pictures=False)
    return pd.read_csv(study.report.table_files("comparisons")[0]), report.page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_of_few_systems_all_pairs_are_tested(tmp_path):
    table, page = written(many(tmp_path, FEW))
    pairs = set(combinations([f"Method {k:02d}" for k in range(FEW)], 2))
    assert set(zip(table["first"], table["second"], strict=True)) == pairs
    assert "reference system" not in page
    assert choose_reference(members(FEW), "m3-s0") is None


@pytest.mark.slow
def test_of_more_each_is_tested_against_the_first_and_the_page_says_so(tmp_path):
    study = many(tmp_path, FEW + 1)
    table, page = written(study)
    assert set(table["second"]) == {"Method 00"}
    assert (table.groupby(["target", "metric"]).size() == FEW).all()
    assert list(table["first"].unique()) == [f"Method {k:02d}" for k in range(1, FEW + 1)]
    assert "tested against one reference system, Method 00, the first of this report (13 systems here)." in page
    study.write_checksums()
    assert verify(study.path).problems == ()


@pytest.mark.slow
def test_only_the_correction_depends_on_how_many_are_tested(tmp_path):
    few, _ = written(many(tmp_path / "few", 3))
    more, _ = written(many(tmp_path / "more", FEW + 1))
    place = ["first", "second", "target", "metric"]
    few = few[few["first"] == "Method 00"].assign(first=few["second"], second=few["first"], value=-few["value"])
    both = few.merge(more, on=place)
    assert len(both) == len(few) > 0
    assert both["value_x"].tolist() == pytest.approx(both["value_y"].tolist(), abs=1e-12)
    judged = both["metric"] == "jury_accuracy"  # its p is steadied by the other comparisons of its report
    assert both["p_x"][~judged].tolist() == pytest.approx(both["p_y"][~judged].tolist())
    assert (more["p_adjusted"] >= more["p"]).all()


@pytest.mark.slow
def test_the_settings_can_name_the_reference_and_its_models_are_taken_seed_by_seed(tmp_path):
    table, page = written(many(tmp_path, 14, seeds=(0, 1), reference="m03-s0"))
    assert set(table["second"]) == {"Method 03, seed 0", "Method 03, seed 1"}
    assert (table["first"].str[-1] == table["second"].str[-1]).all()
    assert (table.groupby(["target", "metric"]).size() == 12).all()
    assert "Method 03, which the settings name (14 systems here). Systems of one seed are tested against" in page


def test_systems_without_a_reference_of_their_seed_are_counted():
    systems = [*members(FEW), *members(2, seeds=(7, 8))[1:]]
    reference = choose_reference(systems, "")
    assert [m.label for m in reference.systems] == ["m0, 0", "m0, 8"]
    alone = choose_reference([*members(FEW), Member(SystemFolder(Path("x")), "x", "x", "x", "X", seed=5)], "")
    assert "Not tested, because it has no model of their seed: 1." in alone.told


@pytest.mark.slow
def test_scores_of_few_systems_are_held_at_once(tmp_path, monkeypatch):
    """The scores of the next system are read when those of the last are not needed any more."""
    read, tested = [], []
    scores_of, carry_out = comparisons._compared, comparisons._carried_out
    monkeypatch.setattr(comparisons, "_compared", lambda system: read.append(system[0]) or scores_of(system))
    monkeypatch.setattr(comparisons, "_carried_out", lambda *a: tested.append(len(read)) or carry_out(*a))
    make_report(many(tmp_path, 30), pictures=False)
    assert tested == [25, 30]


@pytest.mark.slow
def test_work_grows_as_the_systems_do(tmp_path):
    """Calls are counted, because seconds depend on what else the machine does."""
    calls = {}
    for number in (15, 30):
        study, profile = many(tmp_path / str(number), number), cProfile.Profile()
        profile.runcall(make_report, study, pictures=False)
        calls[number] = pstats.Stats(profile).total_calls
    assert calls[30] < 2.1 * calls[15]


def test_cells_that_are_not_asked_for_are_left_out_and_the_others_are_the_same():
    scores = scores_of(0, Record(**dict.fromkeys(COLUMNS, "") | {"image_size": 32}))

    def asked(target, metric, measured_on, direction):
        return metric == "jury_accuracy" and measured_on == target

    wanted = [c for c in cells(scores) if asked(c.record.target, c.record.metric, c.record.measured_on, "")]
    found = cells(scores, asked)
    assert 0 < len(found) < len(cells(scores))
    assert [cell.record for cell in found] == [cell.record for cell in wanted]
    assert all(a.terms.equal(b.terms) for a, b in zip(found, wanted, strict=True))


def test_a_table_is_shown_once_for_all_that_is_written_of_it(tmp_path, monkeypatch):
    times = Counter()

    def counted(table):
        times[table.name] += 1
        return shown(table)

    for module in (contents, latex, markdown):
        monkeypatch.setattr(module, "shown", counted)
    make_report(many(tmp_path, 2), pictures=False)
    assert set(times.values()) == {1}
