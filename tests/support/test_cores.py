"""The cores that a process may use: those it is bound to, and no more than its cgroups give time for."""

import os
import subprocess
import sys

import pytest
import torch

from sgbench.support.cores import torch_threads, usable_cores

ALLOWED = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def machine(tmp_path):
    """Makes the files in which Linux says what a process may use; paths to their contents."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


CGROUP = "sys/fs/cgroup"
ONE_CORE = {
    "version 2": {"proc/self/cgroup": "0::/box\n", f"{CGROUP}/box/cpu.max": "100000 100000\n"},
    "a part of one": {"proc/self/cgroup": "0::/box\n", f"{CGROUP}/box/cpu.max": "25000 100000\n"},
    "of a group around it": {
        "proc/self/cgroup": "0::/box/step\n",
        f"{CGROUP}/box/cpu.max": "100000 100000\n",
        f"{CGROUP}/box/step/cpu.max": "max 100000\n",
    },
    "where the own group cannot be seen": {
        "proc/self/cgroup": "0::/elsewhere\n",
        f"{CGROUP}/cpu.max": "50000 50000\n",
    },
    "version 1": {
        "proc/self/cgroup": "3:cpuset:/\n2:cpu,cpuacct:/box\n0::/\n",
        f"{CGROUP}/cpu/box/cpu.cfs_quota_us": "100000\n",
        f"{CGROUP}/cpu/box/cpu.cfs_period_us": "100000\n",
    },
}
NO_LIMIT = {
    "another system": {},
    "version 2": {"proc/self/cgroup": "0::/box\n", f"{CGROUP}/box/cpu.max": "max 100000\n"},
    "version 1": {
        "proc/self/cgroup": "1:cpu:/\n",
        f"{CGROUP}/cpu/cpu.cfs_quota_us": "-1\n",
        f"{CGROUP}/cpu/cpu.cfs_period_us": "100000\n",
    },
    "more than there are": {"proc/self/cgroup": "0::/\n", f"{CGROUP}/cpu.max": "99900000 100000\n"},
}


@pytest.mark.parametrize("files", ONE_CORE.values(), ids=ONE_CORE)
def test_a_quota_is_respected(machine, files):
    assert usable_cores(machine(files)) == 1


@pytest.mark.parametrize("files", NO_LIMIT.values(), ids=NO_LIMIT)
def test_without_a_quota_all_cores_that_a_process_is_bound_to_count(machine, files):
    assert usable_cores(machine(files)) == ALLOWED


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
def test_a_bound_process_has_fewer_cores():
    program = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from sgbench.support.cores import usable_cores
print(usable_cores())
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "1\n"


def test_the_number_of_threads_is_put_back_even_after_an_error():
    before = torch.get_num_threads()

    def fail():
        with torch_threads(before + 1):
            raise ValueError(torch.get_num_threads())

    with pytest.raises(ValueError, match=str(before + 1)):
        fail()
    assert torch.get_num_threads() == before
