"""Whole files: unfinished ones have names of their own, and those of killed processes are removed, no others."""

import os
import re
import time
from pathlib import Path

import pytest

from sgbench.support import atomic
from sgbench.support.atomic import ABANDONED_SECONDS, discard_partials, make_once, partial_name, replacing, write_text


def test_processes_with_one_number_share_no_unfinished_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    path = tmp_path / "table.csv"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_an_error_without_a_name_as_of_a_full_disk_gets_the_files(tmp_path):
    def failing(error):
        with replacing(tmp_path / "a.csv") as partial:
            partial.write_text("half")
            if error.filename == "partial":
                error.filename = str(partial)
            raise error

    for unnamed in (OSError(28, "full"), OSError(28, "full", "partial")):
        with pytest.raises(OSError, match=re.escape(f"[Errno 28] full: '{tmp_path / 'a.csv'}'")):
            failing(unnamed)
    for other in (OSError(28, "full", "b.csv"), OSError("of a library, without a number")):
        with pytest.raises(OSError, match=re.escape(str(other))):
            failing(other)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_files_are_hidden_and_keep_their_suffix(tmp_path):
    name = partial_name(tmp_path / "picture.new.png").name
    assert name.startswith(".picture.new.")
    assert name.endswith(".partial.png")


@pytest.mark.parametrize("made", ["file", "folder"])
def test_what_killed_processes_left_is_removed_with_or_without_an_age(tmp_path, made):
    old, young = partial_name(tmp_path / "a.csv"), partial_name(tmp_path / "a.csv")
    for partial in (old, young):
        partial.mkdir() if made == "folder" else partial.write_text("half")
    os.utime(old, (time.time() - ABANDONED_SECONDS - 60,) * 2)
    discard_partials(tmp_path, "a", ABANDONED_SECONDS)
    assert list(tmp_path.iterdir()) == [young]
    discard_partials(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_files_of_another_name_and_whole_files_stay(tmp_path):
    others = [partial_name(tmp_path / name) for name in ("a.b.csv", "b.csv", "a[b].csv")]
    for path in (*others, tmp_path / "a.csv", tmp_path / ".a.csv", tmp_path / ".a.mine.partial.csv"):
        path.write_text("")
    before = set(tmp_path.iterdir())
    discard_partials(tmp_path, "a")
    assert set(tmp_path.iterdir()) == before
    discard_partials(tmp_path, "a[b]")
    assert set(tmp_path.iterdir()) == before - {others[2]}


def test_an_unfinished_file_that_vanishes_meanwhile_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([partial_name(self / "a.csv")]))
    discard_partials(tmp_path)


def test_making_once_removes_what_an_earlier_attempt_left_even_where_the_file_exists(tmp_path):
    path = tmp_path / "judge.pt"
    for _ in range(2):
        partial_name(path).write_text("half")
        make_once(path, lambda partial: partial.write_text("whole"))
        assert sorted(p.name for p in tmp_path.iterdir()) == ["judge.lock", "judge.pt"]


def test_an_error_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "after")
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
