"""Locks: who holds one is said, and a process that ends in any way holds none."""

import os
import platform
import signal
import threading

import pytest

from sgbench.support import locks
from sgbench.support.errors import UserError
from sgbench.support.locks import held_by, holder, locked, waited_for


def busy(who):
    return f"study: {who} is at it"


def test_who_holds_a_lock_is_said(tmp_path):
    path = tmp_path / "cache" / "a.lock"
    with locked(path, busy):
        with pytest.raises(UserError, match=f"^study: process {os.getpid()} on {platform.node()} is at it$"):
            locked(path, busy).__enter__()
        assert holder(path) == f"process {os.getpid()} on {platform.node()}"
    assert holder(path) == "another process"
    assert [p.name for p in path.parent.iterdir()] == ["a.lock"]


def test_who_holds_a_lock_is_looked_up_without_touching_it(tmp_path):
    path = tmp_path / "a.lock"
    assert held_by(path) == ""
    assert not list(tmp_path.iterdir())
    with locked(path, busy):
        assert held_by(path) == f"process {os.getpid()} on {platform.node()}"
    assert held_by(path) == ""


def test_what_a_holder_is_doing_is_said(tmp_path):
    path = tmp_path / "a.lock"
    with locked(path, busy) as tell:
        tell("stage 1/5: prepare data")
        tell("stage 2/5: train judges")
        told = f"process {os.getpid()} on {platform.node()} (stage 2/5: train judges)"
        assert held_by(path) == holder(path) == told
    assert held_by(path) == ""


def test_a_process_that_has_ended_is_no_holder_and_one_elsewhere_may_be(tmp_path):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    left = tmp_path / "a.lock.holder"
    for name, told in (
        (f"process {child} on {platform.node()}", ""),
        (f"process {child} on another node", f"process {child} on another node"),
        (f"process {child} on {platform.node()} (stage 3/5: train jobs)", ""),
        ("", ""),
    ):
        left.write_text(name)
        assert held_by(tmp_path / "a.lock") == told


def test_an_error_frees_the_lock(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "a.lock", busy):
        raise KeyError
    with locked(tmp_path / "a.lock", busy):
        pass


def test_a_killed_process_holds_no_lock(tmp_path):
    child = os.fork()
    if not child:
        with locked(tmp_path / "a.lock", busy):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert holder(tmp_path / "a.lock") == f"process {child} on {platform.node()}"
    with locked(tmp_path / "a.lock", busy):
        assert holder(tmp_path / "a.lock") == f"process {os.getpid()} on {platform.node()}"


def test_waiting_for_long_is_said_and_ends_with_the_other_process(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.02)
    path, made = tmp_path / "a.lock", tmp_path / "judge.pt"
    held, enough = threading.Event(), threading.Event()

    def hold():
        with locked(path, busy):
            held.set()
            enough.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(10)
    threading.Timer(0.1, enough.set).start()
    with pytest.warns(UserWarning, match=r"judge\.pt: another process is making this; waiting"), waited_for(path, made):
        assert enough.is_set()
    other.join()
    with waited_for(path, made):  # nobody is waited for: nothing is said
        pass
