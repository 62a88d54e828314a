"""A reference is replaced as a whole or not at all, wherever the update is killed."""

import os
import signal

import killing
import pytest

from sgbench.commands.regress import main
from sgbench.regression import update
from sgbench.regression.sides import record_files
from sgbench.regression.update import replace_reference, settle
from sgbench.support.atomic import partial_name
from sgbench.support.errors import UserError


def make(folder, what, scores=True):
    """A folder with a system's records and scores, and a note."""
    system = folder / "system"
    system.mkdir(parents=True)
    (system / "records.csv").write_text(f"records {what}")
    if scores:
        (system / "scores.npz").write_text(f"scores {what}")
    return folder


def contents(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def replaced(old, new, number):
    """Replace in a process that is killed at an operation; returns whether it was."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    killing.watch(old.parent, number)
    replace_reference(old, new)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "records and scores", "records", "records that get scores", "nothing"])
def test_killed_at_any_operation_the_reference_is_the_old_or_the_new_one(tmp_path, kind):
    number, killed, seen = 0, True, set()
    while killed:
        number += 1
        place = tmp_path / str(number)
        old = make(place / "reference", "old", scores=kind != "records that get scores")
        (old / "system" / "notes.md").write_text("mine")
        before = contents(old)
        new = make(place / "new", "new", scores=kind != "records")
        sides = (old, new) if kind == "folder" else (old / "system" / "records.csv", new / "system" / "records.csv")
        if kind == "nothing":
            (old / "system" / "records.csv").unlink()
            (old / "system" / "scores.npz").unlink()
            before = contents(old)
        after = contents(new) | {"system/notes.md": "mine"}
        killed = replaced(*sides, number)
        settle(old if number % 2 else sides[0])
        hidden = [path for path in old.rglob(".*") if ".partial" in path.name]
        for path in hidden:
            path.unlink() if path.is_file() else [*map(os.unlink, path.iterdir()), path.rmdir()]
        assert contents(old) in (before, after), number
        seen.add(contents(old) == after)
        assert not [path for path in place.rglob(".*") if "before-update" in path.name and ".partial" not in path.name]
    assert seen == {False, True}
    assert number > 5


def test_a_reference_that_was_set_aside_is_put_back_by_the_next_comparison(tmp_path, capsys):
    old = make(tmp_path / "reference", "old")
    before = contents(old)
    old.rename(tmp_path / ".reference.before-update")
    assert main([str(old), str(make(tmp_path / "new", "new"))]) == 2
    assert "not a table of records" in capsys.readouterr().err
    assert contents(old) == before
    assert {path.name for path in tmp_path.iterdir()} == {"reference", "new"}


def test_an_error_in_the_middle_puts_records_and_scores_back(tmp_path, monkeypatch):
    old, new = (make(tmp_path / name, name) / "system" / "records.csv" for name in ("old", "new"))
    before = contents(tmp_path)

    def full(source, target):
        if source == new:
            raise OSError(28, "No space left on device")
        target.write_text(source.read_text())

    monkeypatch.setattr("sgbench.regression.update.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        replace_reference(old, new)
    assert contents(tmp_path) == before


def test_hidden_files_are_no_records(tmp_path):
    folder = make(tmp_path / "reference", "old")
    partial_name(folder / "a.csv").write_text("half")
    aside = folder / "system" / ".records.csv.files-before-update"
    aside.mkdir()
    (aside / "records.csv").write_text("old")
    assert list(record_files(folder).values()) == [folder / "system" / "records.csv"]
    assert record_files(partial_name(folder / "a.csv").parent).keys() == record_files(folder).keys()


def test_what_else_is_in_a_reference_stays_as_it_was(tmp_path):
    old, new = make(tmp_path / "reference", "old"), make(tmp_path / "new", "new")
    (tmp_path / "elsewhere").mkdir()
    (old / "notes").symlink_to("../elsewhere")
    (old / "lost").symlink_to("nowhere")
    (old / ".git" / "refs" / "tags").mkdir(parents=True)
    script = old / "hook.sh"
    script.write_text("#!/bin/sh")
    script.chmod(0o755)
    before = script.stat()
    replace_reference(old, new)
    assert [os.readlink(old / name) for name in ("notes", "lost")] == ["../elsewhere", "nowhere"]
    assert (old / ".git" / "refs" / "tags").is_dir()
    assert (script.stat().st_mode, script.stat().st_mtime) == (before.st_mode, before.st_mtime)
    assert (old / "system" / "records.csv").read_text() == "records new"
    assert (old / "system" / "scores.npz").read_text() == "scores new"


def test_a_reference_that_cannot_be_kept_whole_is_not_touched(tmp_path):
    old, new = make(tmp_path / "reference", "old"), make(tmp_path / "new", "new")
    os.mkfifo(old / "queue")
    before = contents(old)
    with pytest.raises(UserError, match=r"queue cannot be kept \(.*named pipe.*move it out"):
        replace_reference(old, new)
    assert contents(old) == before
    assert sorted(os.listdir(tmp_path)) == ["new", "reference"]


def test_a_comparison_does_not_put_back_what_an_update_under_way_has_set_aside(tmp_path, monkeypatch):
    old, new = (make(tmp_path / name, name) / "system" / "records.csv" for name in ("reference", "new"))
    monkeypatch.setattr(update, "_PATIENCE", 0)
    real, seen = update.replacing, []

    def meanwhile(path):
        with pytest.raises(UserError, match=r"process \d+ on .* is updating this reference; run again"):
            settle(old)
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(update, "replacing", meanwhile)
    replace_reference(old, new)
    assert seen == ["scores.npz", "records.csv"]
    assert (old.read_text(), old.with_name("scores.npz").read_text()) == ("records new", "scores new")


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_is_written_or_overlooked_where_a_link_leads(tmp_path, capsys, empty):
    old, new = make(tmp_path / "reference", "old"), make(tmp_path / "new" / "linked", "new").parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir() if empty else make(elsewhere, "mine")
    (old / "linked").symlink_to(elsewhere)
    before = contents(tmp_path)
    for reference in (old, tmp_path / "link"):
        if reference != old:
            reference.symlink_to(old)
        with pytest.raises(UserError, match="linked is a link, and" if empty else "linked: is a link to"):
            replace_reference(reference, new)
    assert contents(tmp_path) == before
    if not empty:
        assert main([str(old), str(new)]) == 2
        assert "linked: is a link to a folder, and records in it would be overlooked" in capsys.readouterr().err


def test_scores_are_not_written_through_a_link_that_leads_nowhere(tmp_path):
    old, new = make(tmp_path / "reference", "old", scores=False), make(tmp_path / "new", "new")
    (old / "system" / "scores.npz").symlink_to(tmp_path / "elsewhere.npz")
    with pytest.raises(UserError, match=r"scores\.npz is a link"):
        replace_reference(old, new)
    assert not (tmp_path / "elsewhere.npz").exists()


def test_a_link_within_a_folder_of_records_is_no_other_record(tmp_path):
    old = make(tmp_path / "reference", "old")
    (old / "latest").symlink_to("system")
    assert [str(place) for place in record_files(old)] == ["system/records.csv"]
