"""Programs that ``torch.export.save`` wrote (``*.pt2``). A program is code: open only what you trust."""

import logging
import warnings
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from sgbench.support.archives import check_stored
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign


def load_exported(path: Path, device: torch.device, kept: dict[str, str] | None = None) -> ExportedProgram:
    """Load a program that is to run on a device.

    Args:
        kept: names of texts that the file may keep beside the program; those that it does take their place in it.

    Raises:
        UserError: the file is not a program, or was written by a version of torch that this version cannot read.
    """
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)  # torch also logs a traceback of the error that it raises
    try:
        check_stored(path)
        with foreign(str(path)), warnings.catch_warnings():
            # torch 2.11 warns of how it reads a program itself.
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            return move_to_device_pass(torch.export.load(path, extra_files=kept), device)
    except Exception as error:  # torch.export.load raises many kinds of errors
        raise UserError(
            f"{path}: not a program that torch.export.save wrote, or of another version of torch; export it again with "
            f"torch {torch.__version__}"
        ) from error
    finally:
        log.setLevel(level)
