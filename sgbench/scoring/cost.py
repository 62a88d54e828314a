"""Measures what a system costs: parameters, operations and time per result, time of training."""

import time
from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from sgbench.data.requests import Requests
from sgbench.methods.native import seen_by_torch
from sgbench.results.cost import Cost
from sgbench.scoring.translator import Translate
from sgbench.support.environment import device_name

_REPEATS = 20


def measure_cost(
    translate: Translate,
    requests: Sequence[Requests],
    parameters: int | None,
    training_seconds: float | None,
    device: torch.device,
) -> Cost:
    """Measure a translator on its first request."""
    request = next(request for request in requests if len(request.positions))
    group, rows = request.by_value()[0]
    position = request.positions[rows][:1]
    with seen_by_torch(), FlopCounterMode(display=False) as counter:
        translate(position, [group])
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        translate(position, [group])
        times.append(time.perf_counter() - start)
    shortest = 1000 * min(times)  # what else the machine does can only make it longer
    return Cost(parameters, counter.get_total_flops() or None, shortest, training_seconds, device_name(device))
