"""A trained system written down as a program of torch's own operators, and as ONNX.

Its signature is one that ``submissions.programs`` takes: images float32 [n, 3, S, S] in [-1, 1], any n, in; results of
all groups, float32 [n, groups, 3, S, S], out. Labels of source images are no input: a method that reads them guesses.
Weights are float32, whatever the model computes in.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from sgbench.submissions.group_names import GROUPS, names_of_groups
from sgbench.support.atomic import write_buffered
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign
from sgbench.translating.systems import TrainedSystem

_KEPT_VALUES = (InputKind.PARAMETER, InputKind.BUFFER)


class EveryEdit(nn.Module):
    """All models of a system as one: images [n, 3, S, S] -> results [n, groups, 3, S, S]."""

    def __init__(self, system: TrainedSystem):
        super().__init__()
        self.methods = nn.ModuleList(model.method for model in system.models)

    def forward(self, images: Tensor) -> Tensor:
        """Groups are in the order of ``all_groups``, since each model has consecutive attributes."""
        return torch.cat([method.every_edit(images) for method in self.methods], 1)


def written_down(system: TrainedSystem) -> ExportedProgram:
    """The system as a program for any number of images.

    Raises:
        UserError: what a method from elsewhere computes cannot be written down.
    """
    size = system.image_size
    example = torch.zeros(2, 3, size, size)
    try:
        with foreign(system.title), torch.no_grad(), _quiet():
            program = torch.export.export(EveryEdit(system).eval(), (example,), dynamic_shapes=({0: Dim("n")},))
            return _without_unused(program)
    except UserError:
        raise
    except Exception as error:  # torch raises many kinds of errors
        raise UserError(
            f"{system.name}: torch cannot write down what {system.title} computes ({summary(error)}); let its edit, or "
            "every_edit, use torch's operators alone, look at no value of a tensor, and take x.shape[0] for len(x)"
        ) from error


def _without_unused(program: ExportedProgram) -> ExportedProgram:
    """The program without parameters and buffers that no result depends on, such as those of discriminators."""
    unused = [node for node in program.graph.nodes if node.op == "placeholder" and not node.users]
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs if spec.kind in _KEPT_VALUES}
    for node in unused:
        if spec := specs.get(node.name):
            program.graph.erase_node(node)
            program.graph_signature.input_specs.remove(spec)
            program.state_dict.pop(spec.target, None)
            program.constants.pop(spec.target, None)  # where buffers are that belong to no state
    program.graph_module.recompile()
    program.validate()
    return program


def write_exported(program: ExportedProgram, system: TrainedSystem, path: Path) -> None:
    """Write what torch.export.load reads."""
    extra = {GROUPS: names_of_groups(system.attributes)}
    with _quiet():
        write_buffered(path, lambda file: torch.export.save(program, file, extra_files=extra))


def write_onnx(program: ExportedProgram, system: TrainedSystem, path: Path) -> None:
    """Write one ONNX file with its weights.

    Raises:
        UserError: torch cannot translate an operator.
    """
    try:
        with _quiet():
            made = torch.onnx.export(
                program, input_names=["images"], output_names=["results"], dynamo=True, verbose=False
            )
            made.model.metadata_props[GROUPS] = names_of_groups(system.attributes)
            made.save(str(path), external_data=False)
    except OSError:
        raise
    except Exception as error:  # torch and onnxscript raise many kinds of errors
        raise UserError(f"{system.name}: cannot be written as ONNX ({summary(error)}); a .pt2 may do") from error


def check_onnx() -> None:
    """Refuse to write ONNX without the packages that it takes.

    Raises:
        UserError: one is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"ONNX needs a package that is not installed ({error}): pip install 'sgbench[onnx]'") from error


WRITERS: dict[str, Callable[[ExportedProgram, TrainedSystem, Path], None]] = {
    ".onnx": write_onnx,
    ".pt2": write_exported,
}
"""The end of a file's name -> what writes it."""


@contextmanager
def _quiet() -> Iterator[None]:
    """While torch works, what it says of its own parts is not shown."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
