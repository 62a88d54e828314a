"""Data whose attributes and values are called as reports call things themselves: refused at once, or reported whole."""

from types import SimpleNamespace

import many
import pandas as pd
import pytest

from sgbench.commands.verify import main as verify
from sgbench.data.labels import Attribute
from sgbench.plan import plan
from sgbench.report.accounts import training_labels
from sgbench.report.making import make_report
from sgbench.results.scores import Panelist, Verdict
from sgbench.support.errors import UserError

NAMES = ("others", "gap", "judge score", "target"), ("image", "row", "block", "inside"), ("copy", "system", "metric")
VALUES = ("gap", "(gap)", "others", "row", "target", "copy", "image", "system")


def called(names):
    """Attributes so called, which no plan refuses."""
    attributes = [Attribute(name, (VALUES[2 * k], VALUES[2 * k + 1])) for k, name in enumerate(names)]
    plan._check_names(attributes)
    return tuple(attributes)


@pytest.fixture
def reported(monkeypatch, tmp_path):
    """A report of two systems on data of these attributes, which is made again too."""

    def reported(attributes):
        judges = [Panelist(name, (Verdict(0.9, 0.5),) * len(attributes), k) for k, name in enumerate(("r", "v", "w"))]
        for name, value in (("ATTRIBUTES", attributes), ("JUDGES", tuple(judges)), ("NUM", 60)):
            monkeypatch.setattr(many, name, value)
        study = many.many(tmp_path, 2)
        folder = make_report(study, pictures=False).page.parent
        study.write_checksums()
        assert verify([str(study.path)]) == 0
        return folder

    return reported


def table(folder, name):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


@pytest.mark.slow
@pytest.mark.parametrize("names", NAMES, ids=" ".join)
def test_words_of_the_reports_own_may_be_names_of_data(reported, names):
    folder = reported(called(names))
    for name in ("subgroups", "comparisons", "jury_accuracy", "matrix", "directions"):
        cells = table(folder, name)
        assert not cells.duplicated(["block", "row", "column"]).any(), name
    assert set(table(folder, "jury_accuracy")["target"]) == set(names)


@pytest.mark.slow
def test_the_gap_and_the_others_are_no_value_and_no_attribute(reported):
    cells = table(reported((Attribute("others", ("gap", "Some")), Attribute("gap", ("others", "(gap)")))), "subgroups")
    assert set(cells["measured_on"]) == {"others", "gap", "(others)"}
    assert set(cells["values"]) == {"gap", "Some", "others", "(gap)", "((gap))"}
    tested = cells[cells["p_adjusted"] != ""]
    assert set(tested["values"]) == {"((gap))"}
    assert set(cells[cells["measured_on"] == "(others)"]["block"]) == {
        "Target: Others, the others kept",
        "Target: Gap, the others kept",
    }


@pytest.mark.slow
def test_a_column_of_comparisons_is_told_from_an_attribute(reported):
    cells = table(reported((Attribute("judge score", ("a", "b")), Attribute("smile", ("a", "b")))), "comparisons")
    columns = set(zip(cells["metric"], cells["column"].str.removesuffix(" (target)"), strict=True))
    assert {("judge_score", "(Judge Score)"), ("jury_accuracy", "Judge score"), ("jury_accuracy", "Smile")} <= columns


def test_attributes_may_be_called_like_the_columns_of_revealed_labels():
    names = {"images": "Images", "labels": "Labels", "with_a_label": "With a label"}
    counts = {"images": {"a": 1, "b": 2}, "labels": {"a": 3, "b": 4}, "with_a_label": {"a": 5, "b": 0}}
    manifest = {"images": 50, "pool": 15, "complete": 7, "counts": counts, "sha256": "f" * 64}
    made = training_labels({"5": manifest}, SimpleNamespace(attributes=names))
    assert list(made) == ["Labels", "Images", "With a label", "With all labels", *names.values(), "SHA-256"]
    assert made.to_numpy().tolist() == [["5", "50", "15", "7", "a 1, b 2", "a 3, b 4", "a 5", "f" * 12]]


@pytest.mark.parametrize("name", ["Background", "agreement"])
def test_names_of_columns_beside_attributes_are_refused_before_training(name):
    with pytest.raises(UserError, match="as is a table's column; rename it"):
        plan._check_names([Attribute(name, ("a", "b"))])


@pytest.mark.parametrize("value", ["all", "none"])
def test_words_for_all_and_none_of_the_values_are_no_value(value):
    with pytest.raises(UserError, match=f"a value cannot be called '{value}', which stands for"):
        plan._check_names([Attribute("hat", ("cap", value))])
