"""What a system costs: parameters, arithmetic and time of a translation, time of training."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from sgbench.atomic import write_text
from sgbench.data.references import Requests
from sgbench.environment import device_name
from sgbench.translation import Translate

_REPEATS = 20


@dataclass(frozen=True)
class Cost:
    """Costs of a system.

    Attributes:
        parameters: of all its networks, those that only training needs too, over all its jobs; None where unknown.
        flops: floating-point operations of one translation (a multiply-add counts two) in convolutions and products;
            None where they cannot be seen.
        latency_ms: median time of translating one image alone to one group, from bytes to bytes; None where results
            were only read.
        training_seconds: of all its jobs; None where one did not keep its time.
        device: what it was measured on.
    """

    parameters: int | None
    flops: int | None
    latency_ms: float | None
    training_seconds: float | None
    device: str


def measure_cost(
    translate: Translate,
    requests: Sequence[Requests],
    parameters: int | None,
    training_seconds: float | None,
    device: torch.device,
) -> Cost:
    """Measure a translator on the first translation that it is asked for."""
    request = next(request for request in requests if len(request.positions))
    group, rows = request.by_value()[0]
    position = request.positions[rows][:1]
    with FlopCounterMode(display=False) as counter:
        translate(position, [group])
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        translate(position, [group])
        times.append(time.perf_counter() - start)
    latency = 1000 * sorted(times)[_REPEATS // 2]
    return Cost(parameters, counter.get_total_flops() or None, latency, training_seconds, device_name(device))


def write_cost(path: Path, cost: Cost) -> None:
    """Keep costs as JSON."""
    write_text(path, json.dumps(asdict(cost), indent=1) + "\n")


def read_cost(path: Path) -> Cost:
    """Costs as ``write_cost`` kept them."""
    return Cost(**json.loads(path.read_text(encoding="utf-8")))
