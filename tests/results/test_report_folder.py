"""A report's folder is rewritten as a whole, and the user's own files and other processes' stay."""

import os
import signal

import killing
import pytest

from sgbench.results.report_folder import ReportFolder
from sgbench.support.atomic import discard_partials, partial_name


@pytest.fixture
def report(tmp_path):
    """A report with a table and a picture."""
    report = ReportFolder(tmp_path / "study" / "report")
    write(report, ["old.csv", "old.tex", "same.png"], "before")
    return report


def write(report, names, content):
    with report.rewritten() as made:
        for path in (made.records_file, *(made.path / name for name in names)):
            path.write_text(content)
        made.page.write_text(content + "".join(f"[{name}]({name})" for name in names))


def names(report):
    return {path.name for path in report.path.iterdir()}


def contents(report):
    return {path.name: path.read_text() for path in report.path.iterdir()}


def test_what_the_earlier_page_linked_is_replaced_or_removed_and_nothing_else(report):
    others = {"mine.csv", "mine.png", "notes.md", partial_name(report.figure("same")).name}
    for name in others:
        (report.path / name).write_text("of somebody")
    write(report, ["new.csv", "same.png"], "after")
    assert names(report) == others | {"report.md", "records.csv", "new.csv", "same.png"}
    assert (report.path / "same.png").read_text() == "after"
    assert [path.name for path in report.path.parent.iterdir()] == ["report"]


def test_a_pdf_that_the_earlier_page_linked_is_removed(report):
    write(report, ["figure3.png", "figure3.pdf"], "before")
    assert report.figure("figure3", "pdf").is_file()
    write(report, ["figure3.png"], "after")
    assert not report.figure("figure3", "pdf").exists()


def test_a_link_out_of_the_folder_removes_nothing(report):
    kept = report.path.parent / "kept.csv"
    kept.write_text("")
    report.page.write_text("[x](../kept.csv) [y](sub/kept.csv)")
    write(report, [], "after")
    assert kept.exists()


def test_an_error_while_a_report_is_made_leaves_the_earlier_one(report):
    before = contents(report)
    with pytest.raises(TypeError), report.rewritten() as made:
        made.figure("same").write_text(b"what cannot be written")
    assert contents(report) == before
    assert [path.name for path in report.path.parent.iterdir()] == ["report"]


def test_killed_at_any_operation_the_same_report_again_is_as_if_nothing_had_happened(report):
    number, killed, seen = 0, True, []
    while killed:
        number += 1
        write(report, ["old.csv", "old.tex", "same.png"], "before")
        if child := os.fork():
            killed = os.waitpid(child, 0)[1] == signal.SIGKILL
        else:
            killing.watch(report.path.parent, number)
            write(report, ["new.csv", "same.png"], "after")
            os._exit(0)
        if report.page.read_text().startswith("after"):
            assert "old.csv" not in names(report)
        discard_partials(report.path.parent)
        write(report, ["new.csv", "same.png"], "after")
        seen.append(contents(report))
    assert number > 10
    assert all(each == seen[-1] for each in seen)


def test_a_pipe_in_the_pages_place_is_replaced(report):
    report.page.unlink()
    os.mkfifo(report.page)
    write(report, ["new.csv"], "after")
    assert report.page.read_text().startswith("after")
