"""Files with their hashes beside them: what is broken is found, made again or named, and a kill breaks nothing."""

import os
import warnings

import pytest

from sgbench.support import sealed
from sgbench.support.errors import BrokenFile
from sgbench.support.sealed import check, discard, is_sealed, made_once, opened, seal, sealing

DAMAGES = {
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "flipped": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "deleted": lambda path: path.unlink(),
}


def write(path, text):
    with sealing(path) as partial:
        partial.write_text(text)


def number(path):
    return int(path.read_text())


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_was_damaged_is_refused_with_the_remedy(tmp_path, damage):
    path = tmp_path / "figure.txt"
    write(path, "12345678")
    assert opened(path, number, "ask again") == 12345678
    damage(path)
    with pytest.raises(BrokenFile, match=r"figure\.txt: is (missing|not as it was written); ask again$"):
        opened(path, number, "ask again")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_with_the_remedy(tmp_path, make):
    path = tmp_path / "figure.txt"
    write(path, "12345678")
    path.unlink()
    make(path)
    with pytest.raises(BrokenFile, match=r"figure\.txt: .*not a regular file; ask again$"):
        opened(path, number, "ask again")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_can_be_made_is_made_again_with_a_warning(tmp_path, damage):
    path, made = tmp_path / "cache" / "figure.txt", []

    def make(partial):
        made.append(partial)
        partial.write_text("12345678")

    assert made_once(path, make, number) == made_once(path, make, number) == 12345678
    assert len(made) == 1
    damage(path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert made_once(path, make, number) == 12345678
    assert len(made) == 2
    expected = [] if damage is DAMAGES["deleted"] else ["is not as it was written; made again"]
    assert [str(w.message).partition(": ")[2] for w in said] == expected
    check(path, "")


@pytest.mark.parametrize("damage", [*DAMAGES.values()], ids=DAMAGES)
def test_a_file_whose_hash_is_lost_is_taken_as_it_is_and_gets_one(tmp_path, damage):
    path = tmp_path / "figure.txt"
    write(path, "12345678")
    damage(path.with_name(".figure.txt.sha256"))
    if is_sealed(path):  # another hash: nobody knows which of the two is wrong
        with pytest.raises(BrokenFile, match="not as it was written"):
            opened(path, number, "ask again")
    else:
        assert opened(path, number, "ask again") == 12345678
        assert is_sealed(path)


def test_a_file_of_an_earlier_version_is_read_once_and_known_from_then_on(tmp_path):
    path = tmp_path / "figure.txt"
    path.write_text("no number")
    with pytest.raises(BrokenFile, match=r"figure\.txt: cannot be read \(invalid literal.*\); ask again"):
        opened(path, number, "ask again")
    assert not is_sealed(path)
    path.write_text("7")
    assert opened(path, number, "ask again") == 7
    path.write_text("8")
    with pytest.raises(BrokenFile, match="not as it was written"):
        opened(path, number, "ask again")


@pytest.mark.parametrize("steps", range(8))
def test_a_process_killed_at_any_step_leaves_a_whole_file(tmp_path, monkeypatch, steps):
    """Renames alone change what others see; here every one but the first few is lost, and then all of them happen."""
    path = tmp_path / "figure.txt"
    write(path, "1")
    left = steps

    class Killed(BaseException):
        pass

    rename = type(path).replace

    def replace(self, target):
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "replace", replace)
        for text in ("2", "3", "4"):
            try:
                write(path, text)
            except Killed:
                assert opened(path, number, "") in (1, 2, 3, 4)
                left = 1  # the next one is killed after its announcement
    monkeypatch.setattr(sealed, "_found_whole", {})
    assert opened(path, number, "") in (1, 2, 3, 4)
    write(path, "5")
    assert path.with_name(".figure.txt.sha256").read_text().split() == [sealed.hash_of_file(path)]


def test_a_whole_file_is_read_once_in_a_process(tmp_path, monkeypatch):
    path = tmp_path / "figure.txt"
    write(path, "1")
    check(path, "")
    monkeypatch.setattr(sealed, "hash_of_file", None)
    check(path, "")


def test_a_file_goes_with_its_hash(tmp_path):
    path = tmp_path / "figure.txt"
    path.write_text("1")
    seal(path)
    discard(path)
    assert list(tmp_path.iterdir()) == []
    discard(path)
