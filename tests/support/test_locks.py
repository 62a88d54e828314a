"""Locks: who holds one is said, and a process that ends in any way holds none."""

import os
import platform
import signal

import pytest

from sgbench.support.errors import UserError
from sgbench.support.locks import holder, locked


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
