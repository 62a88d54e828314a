"""A report's folder is rewritten as a whole, and the user's own files and other processes' stay."""

import os
import signal

import killing
import pytest

from sgbench.results.report_folder import ReportFolder
from sgbench.support.atomic import discard_partials, partial_name
from sgbench.support.hashing import hash_of_file


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
    return {path.name for path in report.path.iterdir()} - {".report.sha256"}


def contents(report):
    return {path.name: path.read_text() for path in report.path.iterdir()}


def test_what_the_earlier_report_wrote_is_replaced_or_removed_and_nothing_else(report):
    others = {"mine.csv", "mine.png", "notes.md", partial_name(report.figure("same")).name}
    for name in others:
        (report.path / name).write_text("of somebody")
    write(report, ["new.csv", "same.png"], "after")
    assert names(report) == others | {"report.md", "records.csv", "new.csv", "same.png"}
    assert (report.path / "same.png").read_text() == "after"
    assert [path.name for path in report.path.parent.iterdir()] == ["report"]


def test_the_users_pictures_stay_though_the_page_shows_them_and_so_does_what_took_a_files_place(report):
    kept = report.path.parent / "kept.png"
    kept.write_text("of somebody")
    (report.path / "linked.png").symlink_to(kept)
    (report.path / "mine.png").write_text("of somebody")
    report.page.write_text("![](linked.png) ![](mine.png) ![](../kept.png)")
    write(report, ["old.csv"], "again")  # the user's files are known to be no part of this report either
    report.page.write_text("![](linked.png) ![](mine.png)")
    (report.path / "old.csv").unlink()
    (report.path / "old.csv").symlink_to(kept)
    write(report, [], "after")
    assert names(report) == {"report.md", "records.csv", "linked.png", "mine.png", "old.csv"}
    assert kept.read_text() == "of somebody"


def test_a_file_of_the_users_that_has_the_name_of_a_new_one_is_kept_under_another(report):
    for content in ("first", "second"):
        (report.path / "new.csv").write_text(content)
        with pytest.warns(UserWarning, match=r"new\.csv: is a file of yours where .* kept as new \(kept \d\)\.csv"):
            write(report, ["new.csv"], "after")
        write(report, [], "after")  # the report's own goes
    write(report, ["new.csv"], "again")
    assert {path.read_text() for path in report.path.glob("new (kept*")} == {"first", "second"}
    assert (report.path / "new.csv").read_text() == "again"


@pytest.mark.parametrize("list_of_files", ["{digest}  ../kept.csv", "{digest}  ..", "\0\0", "{digest}", None])
def test_a_list_of_files_that_is_lost_or_leads_out_of_the_folder_removes_nothing(report, list_of_files):
    kept = report.path.parent / "kept.csv"
    kept.write_text("")
    file = report.path / ".report.sha256"
    file.unlink() if list_of_files is None else file.write_text(list_of_files.format(digest=hash_of_file(kept)))
    write(report, [], "after")
    assert kept.exists()
    assert names(report) == {"report.md", "records.csv", "old.csv", "old.tex", "same.png"}


def test_an_error_while_a_report_is_made_leaves_the_earlier_one(report):
    before = contents(report)
    with pytest.raises(TypeError), report.rewritten() as made:
        made.figure("same").write_text(b"what cannot be written")
    assert contents(report) == before
    assert [path.name for path in report.path.parent.iterdir()] == ["report"]


@pytest.mark.slow
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
        for folder in (report.path.parent, report.path):
            discard_partials(folder)
        write(report, ["new.csv", "same.png"], "after")
        seen.append(contents(report))
    assert number > 10
    assert all(each == seen[-1] for each in seen)


def test_a_pipe_in_the_pages_place_is_replaced(report):
    report.page.unlink()
    os.mkfifo(report.page)
    write(report, ["new.csv"], "after")
    assert report.page.read_text().startswith("after")
