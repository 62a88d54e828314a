"""What a system costs, as it is kept."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sgbench.support.atomic import write_text
from sgbench.support.errors import BrokenFile
from sgbench.support.settings_model import first_problem
from sgbench.support.strict import read_json


@dataclass(frozen=True)
class Cost:
    """Costs of a system.

    Attributes:
        parameters: of all its networks, those that only training needs too, over all its jobs; None where unknown.
        flops: floating-point operations of one translation (a multiply-add counts two) in convolutions and products,
            those that its own layers take, whatever computes them; None where they cannot be seen.
        latency_ms: the shortest of several times of translating one image alone to one group, from bytes to bytes; the
            median in files of earlier versions; None where results were only read.
        training_seconds: of all its jobs; None where one did not keep its time.
        device: what it was measured on.
    """

    parameters: int | None
    flops: int | None
    latency_ms: float | None
    training_seconds: float | None
    device: str


def write_cost(path: Path, cost: Cost) -> None:
    """Keep costs as JSON."""
    write_text(path, json.dumps(asdict(cost), indent=1) + "\n")


def read_cost(path: Path) -> Cost:
    """Costs as ``write_cost`` kept them.

    Raises:
        BrokenFile: not such a file; names it.
    """
    try:
        return TypeAdapter(Cost).validate_python(read_json(path))
    except ValidationError as error:
        raise BrokenFile(f"{path}: not a file of costs: {first_problem(error)}") from error
    except (OSError, ValueError) as error:
        raise BrokenFile(f"{path}: not a file of costs: {error}") from error
