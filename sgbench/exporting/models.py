"""Trained models exported to files, each compared with the model itself before it is called done."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sgbench.data.checked import checked
from sgbench.data.labels import HIDDEN, Group, all_groups
from sgbench.data.pixels import LEVEL, to_bytes
from sgbench.exporting.programs import WRITERS, check_onnx, written_down
from sgbench.plan.study import find_device
from sgbench.results.run_folder import RunFolder
from sgbench.submissions.group_names import names_of_groups
from sgbench.submissions.programs import Program, check_signature, exported_program, onnx_program
from sgbench.support.atomic import replacing
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.global_state import own_state
from sgbench.support.screen import Screen
from sgbench.translating.asked import in_words
from sgbench.translating.naming import find_model
from sgbench.translating.systems import TrainedSystem, open_system

TOLERANCE = 1e-3
"""The largest difference between a value of a file's results, in [-1, 1], and the model's own in float32; an eighth of
an 8-bit level."""
_READERS = {".onnx": ("onnxruntime", onnx_program), ".pt2": ("torch", exported_program)}
_BATCHES = (1, 2, 5)
"""Numbers of images that a file is tried with."""


@own_state()
def export_model(
    model: str, outputs: Sequence[Path], out: Path = Path("runs"), screen: Screen | None = None
) -> list[Path]:
    """Write a trained model to files, ``.onnx`` or ``.pt2`` by their names; returns them.

    Args:
        model: as ``translating.naming`` has it.
        out: the folder of all runs.

    Raises:
        UserError: bad input, or a file's results are not the model's; such a file is not left.
    """
    screen = screen or Screen()
    for path in outputs:
        if path.suffix not in WRITERS:
            raise UserError(f"-o {path}: the name must end in {' or '.join(WRITERS)}")
    if any(path.suffix == ".onnx" for path in outputs):
        check_onnx()
    device = find_device("cpu")
    with torch_threads(LOOKING):
        system = open_system(find_model(model, RunFolder(out)), device)
        batches = [_images(number, system.image_size) for number in _BATCHES]
        own = [_own_results(system, images) for images in batches]
        program = written_down(system)
        for path in dict.fromkeys(outputs):
            runtime, read = _READERS[path.suffix]
            with replacing(path) as partial:
                WRITERS[path.suffix](program, system, partial)
                worst = _worst(read(partial, device), system, batches, own, path)
            screen.say(f"{path}: results in {runtime} within {worst:.1e} of the model's own; {TOLERANCE} is allowed")
    screen.say(f"groups in their order: {names_of_groups(system.attributes)}")
    _tell(system, batches, own, screen)
    return list(outputs)


def _images(number: int, size: int) -> Tensor:
    """Random images [n, 3, S, S] in [-1, 1]: noise, and every second one smooth."""
    draws = torch.Generator().manual_seed(number)
    noise = torch.rand(number, 3, size, size, generator=draws) * 2 - 1
    coarse = torch.rand(number, 3, 4, 4, generator=draws) * 2 - 1
    noise[1::2] = F.interpolate(coarse, size=size, mode="bilinear")[1::2]
    return noise


def _own_results(system: TrainedSystem, images: Tensor) -> Tensor:
    """The model's own results in float32, [n, groups, 3, S, S]."""
    results = []
    for model in system.models:
        hidden = torch.full((len(images), len(model.columns)), HIDDEN, dtype=torch.int8)
        with torch.no_grad():
            groups = all_groups(model.method.attributes)
            results += [model.translate(images, hidden, [group]) for group in groups]
    return torch.stack(results, 1)


def _worst(
    program: Program, system: TrainedSystem, batches: Sequence[Tensor], own: Sequence[Tensor], path: Path
) -> float:
    """The largest difference between a file's results and the model's.

    Raises:
        UserError: that of a group is larger than the tolerance, or the file has another signature.
    """
    groups = all_groups(system.attributes)
    worst = torch.zeros(len(groups))
    try:
        check_signature(program, system.image_size)
        for images, expected in zip(batches, own, strict=True):
            results = checked(program.run(images), tuple(expected.shape), str(path))
            worst = torch.maximum(worst, (results - expected).abs().amax((0, 2, 3, 4)))
    except UserError as error:
        raise UserError(f"{path}: not written: {error}") from error
    except Exception as error:  # a runtime may raise any error
        raise UserError(f"{path}: not written: it fails ({error}); tell the authors of sgbench") from error
    if worst.max() > TOLERANCE:
        group: Group = groups[int(worst.argmax())]
        named = in_words([group], system.attributes)
        raise UserError(
            f"{path}: not written: results for {named} differ by {worst.max():.2g} from the model's own, and "
            f"{TOLERANCE} is allowed; export to the other format, or tell the authors of sgbench"
        )
    return float(worst.max())


def _tell(system: TrainedSystem, batches: Sequence[Tensor], own: Sequence[Tensor], screen: Screen) -> None:
    """Say what a user may not expect of the files."""
    if system.reads_labels:
        screen.say(f"{system.title} reads labels of the source image: in the files it guesses them itself")
    if system.precision == "bfloat16":
        levels = torch.cat([to_bytes(images) for images in batches])
        hidden = torch.full((len(levels), len(system.attributes)), HIDDEN, dtype=torch.int8)
        results = [system.edit(levels, hidden, [group]) for group in all_groups(system.attributes)]
        apart = (torch.stack(results, 1).float() - to_bytes(torch.cat(list(own))).float()).abs()
        screen.say(
            f"the model itself computes in bfloat16, the files in float32: on random images {apart.mean():.2g} of "
            f"{2 / LEVEL:.0f} levels apart in the mean, {apart.max():.0f} at most"
        )
