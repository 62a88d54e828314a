"""The global state of a process: whose it is while code from elsewhere runs, and while the suite runs for a caller.

Methods, data sets, functions and embedders from elsewhere are called in ``foreign``: afterwards torch, numpy, random,
warnings, matplotlib, the locale, the environment, the working directory, and the streams, signals, timers and limits of
the process are as they were, functions that were replaced and hooks (``patches``) are put back, and the code has not
ended the process or another program in its place, and goes on in one process alone (``staying``). The suite's own doors
are ``own_state``: what they compute does not depend on what the caller has set, nor on another thread of the caller's.
"""

import locale
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFile
from torch.backends import nnpack

from sgbench.support.errors import UserError, summary
from sgbench.support.patches import functions_put_back
from sgbench.support.process_state import PROCESS, descriptors_put_back
from sgbench.support.staying import EndedAtOnce, staying

_ALONE = threading.RLock()
_SHOWN = 5
_DEVICES = ("cpu", "cuda")
_CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")
_MKLDNN = ("enabled", "deterministic")
_MOST_PIXELS = Image.MAX_IMAGE_PIXELS
"""Of a picture that Pillow opens without a warning, as it comes."""


_PRECISE = {
    torch.backends: "none",
    torch.backends.cudnn: "none",
    torch.backends.cudnn.conv: "tf32",
    torch.backends.cudnn.rnn: "tf32",
    torch.backends.mkldnn: "none",
    torch.backends.mkldnn.matmul: "none",
    torch.backends.mkldnn.conv: "none",
    torch.backends.mkldnn.rnn: "none",
    torch.backends.cuda.matmul: "none",
}
"""What computes float32, and its ``fp32_precision`` in a new process."""


_UNTOLD = object()


def _if_told(read: Callable[[], Any]) -> Any:
    """An older setting of torch; ``_UNTOLD`` where torch refuses to tell it, because newer ones say more."""
    try:
        return read()
    except RuntimeError:
        return _UNTOLD


def _flushes() -> bool:
    """Whether torch takes numbers close to zero for zero, which only arithmetic tells."""
    return (torch.tensor(2e-308, dtype=torch.float64, device="cpu") / 2).item() == 0


def _nnpack() -> bool:
    """Whether these kernels for convolutions are used; torch tells only when they are set."""
    (used,) = nnpack.set_flags(True)
    nnpack.set_flags(used)
    return used


_PRECISIONS = tuple(
    (partial(getattr, part, "fp32_precision"), partial(setattr, part, "fp32_precision")) for part in _PRECISE
)
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    *_PRECISIONS,  # before the older settings, which torch tells only where these agree
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, lambda device: torch.set_default_device(None if device.type == "cpu" else device)),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_num_threads, torch.set_num_threads),
    (partial(_if_told, torch.get_float32_matmul_precision), torch.set_float32_matmul_precision),
    *((partial(torch.is_autocast_enabled, d), partial(torch.set_autocast_enabled, d)) for d in _DEVICES),
    *((partial(torch.get_autocast_dtype, d), partial(torch.set_autocast_dtype, d)) for d in _DEVICES),
    (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    *(
        (partial(_if_told, partial(getattr, torch.backends.cudnn, n)), partial(setattr, torch.backends.cudnn, n))
        for n in _CUDNN
    ),
    *_PRECISIONS,  # and after them, for they change these
    *((partial(getattr, torch.backends.mkldnn, n), partial(setattr, torch.backends.mkldnn, n)) for n in _MKLDNN),
    (_nnpack, nnpack.set_flags),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (_flushes, torch.set_flush_denormal),
    (lambda: ImageFile.LOAD_TRUNCATED_IMAGES, partial(setattr, ImageFile, "LOAD_TRUNCATED_IMAGES")),
    (lambda: Image.MAX_IMAGE_PIXELS, partial(setattr, Image, "MAX_IMAGE_PIXELS")),
    (np.geterr, lambda modes: np.seterr(**modes)),
    (np.geterrcall, np.seterrcall),
    (np.get_printoptions, lambda options: np.set_printoptions(**options)),
    (partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)),
    *PROCESS,
)
"""How each is read, and how it is written if it was changed."""
_DRAWS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (torch.get_rng_state, torch.set_rng_state),
    (partial(np.random.get_state, legacy=False), np.random.set_state),
    (random.getstate, random.setstate),
)


@contextmanager
def foreign(name: str) -> Iterator[None]:
    """Context for a call of code from elsewhere: it leaves global state as it was and does not end the process.

    Entering and leaving take some tenths of a millisecond, so it is entered once for a whole training. Functions that
    the code replaced are named in a warning.

    Args:
        name: of the code, in messages.

    Raises:
        UserError: the code called ``sys.exit``, ``os._exit`` or a function of the kind of ``os.execv``, closed the
            output, or raised what is neither an Exception nor an interrupt.
    """
    replaced: list[str] = []
    with staying(name), descriptors_put_back(), state_put_back(), functions_put_back(replaced):
        try:
            yield
        except SystemExit as error:
            ends = str(error) if isinstance(error, EndedAtOnce) else f"sys.exit({error.code!r})"
            raise UserError(f"{name}: calls {ends}, which would end the program; remove the call") from error
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # such as a panic of a library that is written in Rust
            raise UserError(f"{name}: failed: {type(error).__name__}: {summary(error)}") from error
        if sys.stdout is not None and sys.stdout.closed:
            raise UserError(f"{name}: closes sys.stdout, so that nothing could be printed any more; leave it open")
    if replaced:
        names = ", ".join(replaced[:_SHOWN]) + (f" and {len(replaced) - _SHOWN} more" if replaced[_SHOWN:] else "")
        warnings.warn(
            f"{name}: replaced {names}, which was put back, so that nothing else is computed with it; let the code "
            "call functions of its own instead",
            stacklevel=3,
        )


@contextmanager
def own_state() -> Iterator[None]:
    """Context, or decorator, for work of the suite: it runs with the state that a new process has.

    A process has that state once, so another thread that comes here waits until the work is done.
    """
    with _ALONE, state_put_back(), ExitStack() as own:
        for part, precision in _PRECISE.items():
            if part.fp32_precision != precision:
                part.fp32_precision = precision
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        torch.set_deterministic_debug_mode("default")
        torch.set_flush_denormal(False)
        torch.backends.mkldnn.enabled = True
        torch.backends.mkldnn.deterministic = False
        nnpack.set_flags(True)
        torch.autograd.set_detect_anomaly(False)
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
        own.enter_context(torch.inference_mode(False))
        own.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":  # a context slows down every operation
            own.enter_context(torch.device("cpu"))
        for device in _DEVICES:
            torch.set_autocast_enabled(device, False)
        own.enter_context(np.errstate(all="warn", under="ignore", call=None))
        yield


@contextmanager
def state_put_back() -> Iterator[None]:
    """Context after which global state is as it was."""
    settings = [read() for read, _ in _SETTINGS]
    draws = [read() for read, _ in _DRAWS]
    drawn_on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    folder = _folder()
    shown, filters, rules = warnings.showwarning, warnings.filters, list(warnings.filters)
    style = _style()
    try:
        yield
    finally:
        for (read, write), before in zip(_SETTINGS, settings, strict=True):
            if before is not _UNTOLD and read() != before:
                write(before)
        for (_, write), before in zip(_DRAWS, draws, strict=True):
            write(before)
        if drawn_on_gpus:
            torch.cuda.set_rng_state_all(drawn_on_gpus)
        if folder and folder != _folder():
            os.chdir(folder)
        warnings.showwarning = shown
        if warnings.filters is not filters or warnings.filters != rules:
            warnings.resetwarnings()  # which also makes Python forget what it looked up in the changed filters
            warnings.filters = filters
            filters[:] = rules
        if style is not None and style != _style():
            dict.update(_rc_params(), style)  # as they were: a backend that was not chosen yet cannot be set


def _folder() -> str:
    """The working directory; empty where it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _rc_params() -> Any:
    """matplotlib's settings where it was imported; importing it here would take half a second."""
    return getattr(sys.modules.get("matplotlib"), "rcParams", None)


def _style() -> dict[str, Any] | None:
    """A copy of matplotlib's settings, the backend among them, without choosing a backend."""
    settings = _rc_params()
    return None if settings is None else dict(dict.items(settings))
