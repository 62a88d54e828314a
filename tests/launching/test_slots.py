"""Worker slots: the device of each, and the line when there are too few cores."""

import pytest
import torch

from sgbench.launching import slots
from sgbench.launching.slots import room_for, slot_devices, too_few_cores


@pytest.mark.parametrize(
    ("device", "threads", "gpus", "room"), [("cpu", 1, 0, 6), ("cpu", 4, 8, 1), ("cpu", 8, 0, 1), ("cuda", 4, 8, 8)]
)
def test_there_is_room_for_a_job_on_each_gpu_or_for_as_many_as_the_cores_allow(
    device, threads, gpus, room, monkeypatch
):
    monkeypatch.setattr(slots, "usable_cores", lambda: 6)
    assert room_for(torch.device(device), threads, gpus) == room


def test_workers_are_spread_over_gpus_in_turn():
    devices = slot_devices(torch.device("cuda"), 5, 2)
    assert [str(device) for device in devices] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]


def test_fewer_workers_than_gpus_take_the_first():
    assert [str(device) for device in slot_devices(torch.device("cuda"), 2, 8)] == ["cuda:0", "cuda:1"]


def test_a_cpu_is_there_for_all():
    assert slot_devices(torch.device("cpu"), 3, 8) == [torch.device("cpu")] * 3


@pytest.mark.parametrize(
    ("at_once", "threads", "words"),
    [
        (2, 2, None),
        (4, 1, None),
        (5, 1, "5 jobs at once with 1 thread each"),
        (2, 3, "2 jobs at once with 3 threads each"),
    ],
)
def test_jobs_with_more_threads_than_cores_are_a_line(monkeypatch, at_once, threads, words):
    monkeypatch.setattr(slots, "usable_cores", lambda: 4)
    line = too_few_cores(at_once, threads)
    if words is None:
        assert line is None
    else:
        assert words in line
        assert "only 4 cores may be used" in line
        assert "\n" not in line
