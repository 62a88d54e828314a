"""The end of a process: its own status, and no waiting for what code from elsewhere left running."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT = """
import atexit, multiprocessing, os, sys, threading, time
from sgbench.support import ending
ending._PATIENCE = 0.1
for kind in sys.argv[1:]:
    if kind == "loader":
        threading.Thread(target=time.sleep, args=(60,), name=kind).start()
    elif kind == "server":
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), name=kind).start()
    elif kind == "queue":
        multiprocessing.Queue().put(bytes(2**20))
    elif kind == "function":
        atexit.register(lambda: os._exit(0))
    else:
        from sgbench.support.staying import staying
        with staying("brought"):
            atexit.register(os._exit, 0)
ending.end(5)
"""
TOLD = {
    (): "",
    ("loader",): "threads running (loader)",
    ("server",): "processes running (server)",
    ("queue",): "threads running (QueueFeederThread)",
    ("loader", "server"): "threads and processes running (loader, server)",
    ("function",): "",
    ("os._exit",): "",
}


@pytest.mark.parametrize("left", TOLD)
def test_what_is_left_is_told_and_changes_no_status(left):
    done = subprocess.run([sys.executable, "-c", LEFT, *left], capture_output=True, text=True, timeout=30, cwd=ROOT)
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    told = [f"warning: code from elsewhere has left {TOLD[left]}; they are ended"] if TOLD[left] else []
    assert (done.returncode, warned) == (5, told)
