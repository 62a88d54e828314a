"""The paper's numbers as records, digit by digit against the package's CSV files."""

import csv
from decimal import Decimal
from importlib.resources import files

import pytest

from sgbench.results.published import TABLES, published
from sgbench.results.records import read_records, write_records

SYSTEMS = {
    "ResidualGAN": ("residualgan", "", "all"),
    "StarGAN": ("stargan", "", "all"),
    "SG-GAN(ALL)": ("sggan", "", "all"),
    "SG-GAN(5000)": ("sggan", "", "5000"),
    "SG-GAN(500)": ("sggan", "", "500"),
    "RIL": ("sggan", "residual", "500"),
    "Refined RIL": ("sggan", "", "500"),
    "CelebA": ("real", "", ""),
}


def numbers(table):
    """(method, variant, level, target, measured_on, metric) -> value, from the records."""
    return {
        (r.method, r.variant, r.level, r.target, r.measured_on, r.metric): Decimal(repr(r.value))
        for r in published(table)
    }


def expected(table):
    """The same from the CSV, by rules of its own; real images have no target."""
    out = {}
    text = files("sgbench.results").joinpath("paper", f"{TABLES[table]}.csv").read_text()
    for row in csv.DictReader(text.splitlines()):
        system = SYSTEMS[row.pop("method")]
        of = row.pop("target", None)
        for column, digits in row.items():
            a = column.removesuffix("_std")
            target = "" if system[0] == "real" else of or a
            if table == 1:
                cell = "image", "inception_score" + ("_std" if column.endswith("_std") else "")
            else:
                cell = (a, "background_ms_ssim") if a == "background" else (a, "accuracy")
            value = Decimal(digits) / (1 if table == 1 else 100)
            assert out.setdefault((*system, target, *cell), value) == value
    return out


@pytest.mark.parametrize("table", [1, 2, 3])
def test_every_number_of_the_paper_is_kept_exactly(table):
    assert numbers(table) == expected(table)


def test_known_numbers():
    assert numbers(1)["sggan", "", "all", "gender", "image", "inception_score"] == Decimal("3.53")
    assert numbers(1)["real", "", "", "", "image", "inception_score_std"] == Decimal("0.167")
    assert numbers(2)["sggan", "", "500", "gender", "gender", "accuracy"] == Decimal("0.9336")
    assert numbers(2)["residualgan", "", "all", "hair_color", "background", "background_ms_ssim"] == Decimal("0.18")
    assert numbers(3)["sggan", "", "500", "gender", "gender", "accuracy"] == Decimal("0.9326")
    assert numbers(3)["sggan", "residual", "500", "smile", "smile", "accuracy"] == Decimal("0.2367")


def test_they_say_that_they_are_published_and_survive_a_file(tmp_path):
    records = [r for table in TABLES for r in published(table)]
    assert {r.origin for r in records} == {"published"}
    assert {r.definition for r in records} == {f"table {k} of the paper" for k in (1, 2, 3)}
    write_records(tmp_path / "records.csv", records)
    assert [r.value for r in read_records(tmp_path / "records.csv")] == [r.value for r in records]


def test_there_is_no_fourth_table():
    with pytest.raises(KeyError):
        published(4)
