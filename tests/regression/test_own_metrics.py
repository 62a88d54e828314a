"""Metrics from outside the package are known wherever records of them are compared, packed or verified."""

import shutil
import sys

import pytest
import yaml
from many import many
from rows import ANY

from sgbench.commands.reference import main as pack
from sgbench.commands.regress import main
from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.own import use_metrics
from sgbench.regression.packing import _tolerances
from sgbench.regression.sides import own_metrics
from sgbench.report.kept import verify_kept
from sgbench.report.making import make_report
from sgbench.results.records import write_records
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import UserError

CODE = """
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place

PLACES = (Place("image", (RESULT, SOURCE)),)
PSNR = "sgbench.metrics.similarity:PSNR"
SHARE = MetricSpec("myshare", "My share", "higher", "share", (0.0, 1.0), 2, 100, implementation=PSNR, places=PLACES)
"""
SETTINGS = yaml.safe_dump({"scoring": {"metrics": ["own_share:SHARE"]}})


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_share.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    yield
    use_metrics(())
    sys.modules.pop("own_share", None)


@pytest.fixture
def study(tmp_path):
    study = many(tmp_path / "runs", 2)
    study.write_settings(SETTINGS)
    make_report(study, pictures=False)
    return study


def test_a_packed_reference_has_tolerances_in_their_own_digits(study, tmp_path):
    assert pack([str(study.path), "-o", str(tmp_path / "reference")]) == 0
    assert "\nmyshare: {absolute: 0.0001}  # My share, shown to 0.01 %\n" in _tolerances({"myshare"})
    assert own_metrics(tmp_path / "reference", study.path) == ["own_share:SHARE"]


@pytest.mark.parametrize("where", ["reference", "new"])
def test_the_comparison_knows_the_metrics_of_either_side(where, tmp_path, capsys):
    for side in ("reference", "new"):
        write_records(tmp_path / side / "records.csv", [ANY])
    (tmp_path / where / "settings.yaml").write_text(SETTINGS)
    assert main([str(tmp_path / "reference" / "records.csv"), str(tmp_path / "new")]) == 0
    assert "myshare" in METRICS
    (tmp_path / "code" / "own_share.py").unlink()
    sys.modules.pop("own_share")
    assert main([str(tmp_path / "reference"), str(tmp_path / "new")]) == 2
    assert "'own_share:SHARE' cannot be imported" in capsys.readouterr().err


@pytest.mark.slow
def test_a_committed_report_is_verified_with_its_metrics(study, tmp_path):
    kept = StudyFolder(tmp_path / "kept")
    shutil.copytree(study.path, kept.path)
    assert verify_kept(kept, kept.kept_report()).problems == ()
    assert "myshare" in METRICS
    (tmp_path / "code" / "own_share.py").unlink()
    sys.modules.pop("own_share")
    with pytest.raises(UserError, match="cannot be imported"):
        verify_kept(kept, kept.kept_report())
