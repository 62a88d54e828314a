"""Opens a submission, whether it is a folder, a file or a function."""

from collections.abc import Callable
from pathlib import Path

import torch

from sgbench.submissions.arrays import open_npz, open_safetensors
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.models import open_function
from sgbench.submissions.pictures import open_pictures
from sgbench.submissions.programs import open_exported, open_onnx
from sgbench.submissions.results import Results
from sgbench.support.errors import UserError
from sgbench.support.loading import load_function
from sgbench.support.paths import user_path

_STORED = {".zip": open_pictures, ".npz": open_npz, ".safetensors": open_safetensors}
_MODELS = {".pt2": open_exported, ".onnx": open_onnx}


def open_results(origin: str | Path | Callable, inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    """Open the results of a submission.

    Args:
        origin: a folder or .zip of pictures, an .npz, .safetensors, .pt2 or .onnx file, a function, or its name as
            ``package.module:function``.
        device: where models run.
        batch_size: the most images that a model gets at once.

    Raises:
        UserError: it is none of these, or it is broken; the message names the file and the row.
    """
    if not isinstance(origin, (str, Path)):
        if not callable(origin):
            kind = type(origin).__name__
            raise UserError(f"results are a {kind}; give a function, or keep pixels in a file: {', '.join(_STORED)}")
        return open_function(origin, inputs, device, batch_size)
    path = user_path(origin)
    if not path.exists():
        if ":" in str(origin) and path.suffix not in _STORED | _MODELS:
            return open_function(load_function(str(origin)), inputs, device, batch_size)
        raise UserError(f"{origin}: no such file or folder; a function is named package.module:function")
    if path.is_dir():
        return open_pictures(path, inputs)
    if not path.is_file():
        raise UserError(f"{path}: is neither a folder nor a regular file; copy what it gives into a file")
    if path.suffix in _STORED:
        return _STORED[path.suffix](path, inputs)
    if path.suffix in _MODELS:
        return _MODELS[path.suffix](path, inputs, device, batch_size)
    raise UserError(
        f"{path}: results are a folder or {', '.join(_STORED)}, models {', '.join(_MODELS)} or "
        "package.module:function; export a TorchScript file or a checkpoint with torch.export"
    )
