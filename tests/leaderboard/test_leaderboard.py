"""Systems of any reports of one protocol are in one table; what does not stand its check is not."""

import csv
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import many
import pytest

from sgbench.commands.leaderboard import main
from sgbench.data.labels import Attribute
from sgbench.leaderboard.boards import make_boards
from sgbench.leaderboard.entrants import find_reports, read_entrant
from sgbench.leaderboard.reported import reported_tables
from sgbench.report.making import make_report
from sgbench.report.text import shown
from sgbench.results.description import ReportedSystem
from sgbench.results.records import read_records, write_records
from sgbench.results.scores import Panelist, Verdict
from sgbench.results.study_folder import StudyPlan

HOSTILE = "</script><b>|x|`=1+1"


def report(root, number=2, protocol="a" * 64, seeds=(0,), **described):
    """A finished report in a run folder of its own."""
    study = many.many(root, number, seeds, **described)
    systems = {system.folder: [] for system in study.read_description().systems}
    study.write_plan(StudyPlan(80, 20, protocol, {}, systems, ["real", "copy"]))
    make_report(study, pictures=False)
    study.write_checksums()
    return study


def boards_of(*roots):
    return make_boards([read_entrant(name, study) for name, study in find_reports(roots)])


def lines(folder):
    with (folder / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Table(HTMLParser):
    """Headings of rows of all tables, links and what is bold."""

    def __init__(self, text):
        super().__init__()
        self.links, self.bold, self.scripts = [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.links += [about["href"]] if tag == "a" else []
        self.bold += about.get("class") == "best"
        self.scripts += tag in ("script", "b")


def test_systems_of_two_reports_of_one_protocol_are_in_one_table(tmp_path, capsys):
    one, two = report(tmp_path / "one", 2), report(tmp_path / "two", 3)
    assert main([str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(tmp_path / "board")]) == 0
    assert "leaderboard.md: 3 systems of 2 reports, by 1 protocol" in capsys.readouterr().out
    rows = lines(tmp_path / "board")
    shown = [row["system"] for row in rows if row["report"]]
    assert sorted(shown) == ["Method 00", "Method 01", "Method 02"]  # what both have with equal figures is there once
    assert {row["protocol"] for row in rows} == {"a" * 64}
    assert {row["system"] for row in rows[3:]} == {"Copy of the source", "Real images"}
    assert {row["method"] for row in rows[3:]} == {"copy", "real"}  # as in records
    gained = [float(row["target_accuracy_scaled_targets"]) for row in rows if row["report"]]
    assert gained == sorted(gained, reverse=True)
    for row in rows:
        if row["report"]:
            page = (tmp_path / "board" / unquote(row["report"])).resolve()
            assert page in (one.report.index.resolve(), two.report.index.resolve())


def test_attributes_may_be_called_like_the_columns_beside_them(tmp_path, monkeypatch):
    names = ("front", "system", "report", "labels", "seeds")
    attributes = tuple(Attribute(name, ("a", "b")) for name in names)
    judges = tuple(Panelist(name, (Verdict(0.9, 0.5),) * len(names), k) for k, name in enumerate(("r", "v", "w")))
    monkeypatch.setattr(many, "ATTRIBUTES", attributes)
    monkeypatch.setattr(many, "JUDGES", judges)
    report(tmp_path / "runs", 2, attributes={name: name.capitalize() for name in names})
    main([str(tmp_path / "runs"), "-o", str(tmp_path / "board")])
    page = (tmp_path / "board" / "leaderboard.md").read_text()
    headings, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")
    ]
    titles = [name.capitalize() for name in names]
    assert headings[:5] == ["System", "Labels", "Seeds", "Source labels", "Front"]
    assert [heading for heading in headings[5:] if heading in titles] == [*titles, "Report"]
    assert {row[0] for row in rows} >= {"Method 00", "Method 01", "Copy of the source"}
    assert all("index.html)" in row[-1] for row in rows if row[0] in ("Method 00", "Method 01"))


@pytest.mark.slow
def test_figures_are_those_of_the_records(tmp_path):
    study = report(tmp_path / "runs", 2)
    main([str(study.path), "-o", str(tmp_path / "board")])
    rows = {row["system"]: row for row in lines(tmp_path / "board")}
    records = read_records(study.report.records_file)
    checked = 0
    for record in records:
        if record.metric == "jury_accuracy" and record.direction == "all" and record.target == record.measured_on:
            name = {"m00": "Method 00", "m01": "Method 01"}.get(record.method)
            if name:
                place = f"{record.target}_jury_accuracy_{record.target}"
                assert float(rows[name][place]) == pytest.approx(record.value, abs=1e-12)
                assert float(rows[name][f"{place}_low"]) == pytest.approx(record.low, abs=1e-12)
                checked += 1
    assert checked == 4


@pytest.mark.slow
def test_different_protocols_are_never_mixed(tmp_path):
    report(tmp_path / "one", 2)
    report(tmp_path / "two", 3, protocol="b" * 64)
    first, second = boards_of(tmp_path / "one", tmp_path / "two")
    assert (first.protocol, len(first.rows)) == ("b" * 64, 3)
    assert (second.protocol, len(second.rows)) == ("a" * 64, 2)


@pytest.mark.slow
def test_seeds_are_one_row_and_rows_that_read_alike_name_their_report(tmp_path):
    report(tmp_path / "one", 2, seeds=(0, 1))
    study = report(tmp_path / "two", 4, seeds=(0, 1))
    for path in (study.report.records_file,):
        path.write_text(path.read_text().replace(",0.5", ",0.25"))  # another training of the same name
    (board,) = boards_of(tmp_path / "one", tmp_path / "two")
    assert sorted(board.rows) == ["Method 00, study-2", "Method 00, study-4", "Method 01"]
    assert {row.seeds for row in board.rows.values()} == {2}


@pytest.mark.slow
def test_a_training_that_two_reports_have_is_counted_once(tmp_path):
    for name, left in (("one", 2), ("two", 0)):  # seeds 0 and 1, seeds 1 and 2
        study = many.many(tmp_path / name, 6, (0, 1, 2))
        description = study.read_description()
        kept = tuple(system for system in description.systems if not system.folder.endswith(f"-s{left}"))
        study.write_description(replace(description, systems=kept))
        study.write_plan(StudyPlan(80, 20, "a" * 64, {}, {system.folder: [] for system in kept}, ["real", "copy"]))
        make_report(study, pictures=False)
        study.write_checksums()
    (board,) = boards_of(tmp_path / "one", tmp_path / "two")
    assert {row.seeds for row in board.rows.values()} == {2}
    assert board.about[0].startswith("4 rows of 6 trained systems from 2 reports.")


@pytest.mark.slow
def test_all_whose_intervals_meet_the_best_ones_are_bold(tmp_path):
    report(tmp_path / "one", 6)
    (board,) = boards_of(tmp_path / "one")
    cells = board.table.cells
    gender = cells[
        (cells["metric"] == "jury_accuracy") & (cells["target"] == "gender") & (cells["origin"] == "measured")
    ]
    best = gender.loc[gender["value"].idxmax()]
    tied = set(gender.loc[(gender["high"] >= best["low"]) & (gender["low"] <= best["high"]), "row"])
    main([str(tmp_path / "one"), "-o", str(tmp_path / "board")])
    text = (tmp_path / "board/leaderboard.md").read_text()
    heading = next(line for line in text.splitlines() if line.startswith("| System"))
    column = [part.strip() for part in heading.split("|")].index("Gender")
    shown = {
        line.split("|")[1].strip(): line.split("|")[column].strip().startswith("**")
        for line in text.splitlines()
        if re.match(r"\| Method \d", line)
    }
    assert {name for name, bold in shown.items() if bold} == tied


@pytest.mark.slow
def test_the_front_is_marked(tmp_path):
    report(tmp_path / "one", 6)
    (board,) = boards_of(tmp_path / "one")
    cells = board.table.cells.set_index(["row", "metric"])["value"]
    names = [name for name in board.rows if not math.isnan(cells[name, "target_accuracy_scaled"])]
    points = {n: (cells[n, "target_accuracy_scaled"], cells[n, "unrelated_accuracy_scaled"]) for n in names}
    beaten = {
        n for n, (x, y) in points.items() if any(a >= x and b >= y and (a, b) != (x, y) for a, b in points.values())
    }
    front = {name for name, row in board.rows.items() if "Unrelated accuracy, scaled" in row.fronts}
    assert front == set(names) - beaten


@pytest.mark.slow
def test_a_report_that_does_not_stand_its_check_is_left_out_and_said(tmp_path, capsys):
    report(tmp_path / "one", 2)
    bad = report(tmp_path / "two", 3)
    path = bad.report.records_file
    path.write_text(path.read_text().replace(",0.", ",0.9", 1))
    assert main([str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(tmp_path / "board")]) == 1
    err = capsys.readouterr().err
    assert "left out: study-3: " in err
    assert len([row for row in lines(tmp_path / "board") if row["report"]]) == 2


def test_nothing_to_compare_is_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for given, told in (
        ("empty", "no finished report is in it"),
        ("nowhere", "there is no such folder"),
    ):
        assert main([str(tmp_path / given), "-o", str(tmp_path / "board")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line
    bad = report(tmp_path / "bad", 2)
    bad.report.records_file.unlink()
    assert main([str(tmp_path / "bad"), "-o", str(tmp_path / "board")]) == 2


@pytest.mark.slow
def test_names_from_reports_are_no_markup(tmp_path):
    study = report(tmp_path / "one", 2, facts={"Data": HOSTILE})
    main([str(study.path), "-o", str(tmp_path / "board")])
    text = (tmp_path / "board/index.html").read_text()
    assert HOSTILE not in text
    plain = report(tmp_path / "two", 2)
    main([str(plain.path), "-o", str(tmp_path / "other")])
    assert Table(text).scripts == Table((tmp_path / "other/index.html").read_text()).scripts
    assert "<b>" not in (tmp_path / "board/leaderboard.md").read_text().replace("&lt;b>", "")


@pytest.mark.slow
def test_the_page_holds_the_table_as_a_file_and_links_of_reports(tmp_path):
    study = report(tmp_path / "runs/deep/one", 2)
    main([str(tmp_path / "runs"), "-o", str(tmp_path / "board")])
    page = Table((tmp_path / "board/index.html").read_text())
    assert any(link.startswith("data:text/csv;base64,") for link in page.links)
    links = [link for link in page.links if link.endswith(".html")]
    assert {(tmp_path / "board" / link).resolve() for link in links} == {study.report.index.resolve()}
    assert page.bold


@pytest.mark.slow
def test_reported_figures_are_the_papers_and_stand_apart(tmp_path):
    titles = [title for title, _, _ in reported_tables()]
    assert titles == [
        "Accuracy and background",
        "Target accuracy of residuals and refined residuals",
        "Of other papers",
    ]
    table = reported_tables()[0][2].set_index("System")
    assert table.loc["StarGAN (all)", "Gender, accuracy (%)"] == "96.23"
    assert table.loc["SG-GAN (500)", "Hair color, background (x100)"] == "69"
    report(tmp_path / "one", 2)
    main([str(tmp_path / "one"), "-o", str(tmp_path / "board")])
    measured, _, reported = (tmp_path / "board/leaderboard.md").read_text().partition("## Reported")
    assert "96.23" in reported
    assert "96.23" not in measured


def test_true_and_guessed_labels_are_told_apart(tmp_path):
    systems = (
        ReportedSystem("m00-s0", "m00", "Method 00", "true"),
        ReportedSystem("m01-s0", "m01", "Method 01", "none"),
    )
    report(tmp_path / "one", 2, systems=systems)
    (board,) = boards_of(tmp_path / "one")
    assert {name: row.source_labels for name, row in board.rows.items()} == {"Method 00": "true", "Method 01": "none"}


@pytest.mark.slow
def test_reports_in_folders_of_one_name_are_all_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        study = report(Path(name) / "runs", 2)
        if name == "b":  # another training of the same names
            path = study.report.records_file
            path.write_text(path.read_text().replace(",0.5", ",0.25"))
    for roots in (("a/runs", "b/runs"), ("a/runs/study-2", "b/runs/study-2")):
        names = [name for name, _ in find_reports([Path(root) for root in roots])]
        assert names == ["a/runs/study-2", "b/runs/study-2"]
        (board,) = boards_of(*map(Path, roots))
        assert len(board.rows) == 4


def test_a_system_that_left_results_out_is_neither_bold_nor_on_the_front(tmp_path):
    study = report(tmp_path / "one", 3)
    path = study.report.records_file
    records = read_records(path)
    lacking = [replace(r, value=2.0) if (r.method, r.metric) == ("m01", "left_out") else r for r in records]
    assert lacking != records
    write_records(path, lacking)
    (board,) = boards_of(tmp_path / "one")
    cells = board.table.cells
    own = cells[(cells["row"] == "Method 01") & cells["value"].notna()]
    assert set(own["note"]) == {"without some of the translations asked for, which were not given"}
    assert board.rows["Method 01"].fronts == ()
    blocks, _ = shown(board.table)
    assert not any(cell.best for cell in next(iter(blocks.values())).loc["Method 01"])


@pytest.mark.slow
def test_files_of_others_are_not_replaced(tmp_path, capsys):
    study = report(tmp_path / "runs", 2)
    before = study.report.index.read_bytes()
    assert main([str(tmp_path / "runs"), "-o", str(study.report.path)]) == 2
    assert (
        "index.html: is there already and is of no leaderboard; give another folder with -o" in capsys.readouterr().err
    )
    assert study.report.index.read_bytes() == before
    for _ in range(2):  # its own may be
        assert main([str(tmp_path / "runs"), "-o", str(tmp_path / "board")]) == 0
