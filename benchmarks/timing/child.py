"""Times the step of one checkout of the project, on request; ``commits.py`` starts it as a script of its own.

    python child.py ROOT CASES

Nothing of the project may be imported but what lies in ROOT, whatever is installed: hooks of editable installs are
taken away. CASES is JSON: method -> values, size, settings, precision. A line ``METHOD PART ITERATIONS`` on standard
input is answered by the seconds of an iteration: ``step`` is the step alone, on batches made before; ``whole`` also
draws and mirrors batches and reads losses, as the loop does. It knows where modules lie in this version and where they
lay in earlier ones.
"""

import importlib
import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

SEED, NUM_LABELLED = 0, 500


def main() -> None:
    """Answer until standard input ends."""
    root, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
    import_only_from(root)
    import torch

    import sgbench

    if root.resolve() not in Path(sgbench.__file__).resolve().parents:
        raise SystemExit(f"sgbench is imported from {sgbench.__file__}, not from {root}")
    torch.set_num_threads(1)
    print(json.dumps({"native": has_native()}), flush=True)
    built: dict[str, Any] = {}
    for line in sys.stdin:
        name, part, number = line.split()
        if name not in built:
            built[name] = build(name, cases[name])
        method, batches, source = built[name]
        given = source if part == "whole" else batches
        print(timed(method, given, cases[name]["precision"], int(number)), flush=True)


def import_only_from(root: Path) -> None:
    """Put a checkout first, and take away what an editable install of another one left."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
    here = str(Path(__file__).parent)
    sys.path[:] = [str(root), *(p for p in sys.path if p != here and "__editable__" not in p)]


def has_native() -> bool:
    """Whether the checkout's C extension was built."""
    try:
        importlib.import_module("sgbench.methods._native")
    except ImportError:
        return False
    return True


def first_module(*names: str) -> Any:
    """The first of some modules that there is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
    raise SystemExit(f"none of these modules is there: {', '.join(names)}")


def build(name: str, case: dict[str, Any]) -> tuple[Any, list[Any], Any]:
    """A method, an iteration's batches, and what draws batches of 8-bit images."""
    import torch

    labels_module = importlib.import_module("sgbench.data.labels")
    base = first_module("sgbench.methods.contract", "sgbench.method").Method
    module = first_module(f"sgbench.methods.{name}", f"baselines.{name}", f"sgbench.{name}")
    own = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, base) and v is not base]
    (cls,) = [v for v in own if v.__module__ == module.__name__]
    attributes = tuple(
        labels_module.Attribute(f"attribute_{j}", tuple(f"value_{v}" for v in range(m)))
        for j, m in enumerate(case["values"])
    )
    torch.manual_seed(SEED)
    labels = torch.stack([torch.randint(m, (2 * NUM_LABELLED,)) for m in case["values"]], 1).to(torch.int8)
    labels[NUM_LABELLED:] = labels_module.HIDDEN
    known = {key: value for key, value in case["settings"].items() if key in cls.Settings.model_fields}
    method = cls(attributes, case["size"], cls.Settings(**known), labels).to(memory_format=torch.channels_last)
    by_value = method.sampling == "by_value"
    number = method.settings.batch_size * (len(case["values"]) + 1 if by_value else 1)
    batches = []
    for _ in range(method.batches_per_iteration):
        shown = torch.stack([torch.randint(-1, m, (number,)) for m in case["values"]], 1)
        if by_value:
            shown = torch.arange(2).repeat_interleave(number // 2)[:, None]
        images = torch.rand(number, 3, case["size"], case["size"]) * 2 - 1
        batches.append(labels_module.Batch(images, shown.to(torch.int8)))
    return method, batches, source_of(method, case["size"], labels)


def source_of(method: Any, size: int, labels: Any) -> Any:
    """Batches of noise, as a job draws them."""
    import torch

    labels_module = importlib.import_module("sgbench.data.labels")
    images = torch.randint(256, (len(labels), 3, size, size), dtype=torch.uint8)
    shown, own = (labels != labels_module.HIDDEN).all(1), method.settings
    sparse = labels_module.SparseLabels(labels, shown.nonzero()[:, 0], shown, {})
    drawn = importlib.import_module("sgbench.data.batches").Batches
    positions, cpu = torch.arange(len(labels)), torch.device("cpu")
    return drawn(images, positions, sparse, own.batch_size, own.labelled_share, method.sampling, SEED, cpu)


def timed(method: Any, given: Any, precision: str, number: int) -> float:
    """Seconds of an iteration on batches or on what draws them, mean over some."""
    import torch

    try:
        from sgbench.methods.casting import cast_once
    except ImportError:
        cast_once = nullcontext
    start = time.perf_counter()
    for iteration in range(number):
        whole = not isinstance(given, list)
        batches = given.at(iteration, method.batches_per_iteration) if whole else given
        low = precision == "bfloat16"
        context = torch.autocast("cpu", torch.bfloat16, cache_enabled=False) if low else nullcontext()
        with context, cast_once():
            losses = method.step(batches, iteration)
        if whole:
            torch.stack([value.float() for value in losses.values()]).tolist()
    return (time.perf_counter() - start) / number


if __name__ == "__main__":
    main()
