"""Code from elsewhere changes nothing of the process for the suite, and what a caller has set does not reach it."""

import contextlib
import csv
import gc
import io
import locale
import os
import random
import signal
import sys
import threading
import time
import warnings

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from sgbench.support import global_state, process_state
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign, own_state


def changed_filters():
    warnings.simplefilter("error")
    warnings.showwarning = print


def changed_time_zone():
    os.environ["TZ"] = "ZZZ-12"
    time.tzset()


CHANGES = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "matmul": lambda: torch.set_float32_matmul_precision("medium"),
    "precision of all": lambda: setattr(torch.backends, "fp32_precision", "ieee"),
    "precision of products": lambda: setattr(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
    "precision of convolutions": lambda: setattr(torch.backends.mkldnn.conv, "fp32_precision", "bf16"),
    "precision on GPUs": lambda: setattr(torch.backends.cudnn.conv, "fp32_precision", "ieee"),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark),
    "torch's draws": lambda: torch.manual_seed(5),
    "numpy's draws": lambda: np.random.seed(5),  # noqa: NPY002
    "Python's draws": lambda: random.seed(5),
    "errstate": lambda: np.seterr(all="raise"),
    "numpy's texts": lambda: np.set_printoptions(legacy="1.13", precision=2),
    "tracing": lambda: sys.settrace(lambda *about: None),
    "profiling": lambda: sys.setprofile(lambda *about: None),
    "warnings": changed_filters,
    "no filters": warnings.resetwarnings,
    "another list of filters": lambda: setattr(warnings, "filters", []),
    "environment": lambda: os.environ.update(SGBENCH_TEST="1", PATH="/nowhere"),
    "environment emptied": os.environ.clear,
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "kernels": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "small numbers": lambda: torch.set_flush_denormal(True),
    "output": lambda: setattr(sys, "stdout", io.StringIO()),
    "errors": lambda: setattr(sys, "stderr", io.StringIO()),
    "signals": lambda: [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
    "rights": lambda: os.umask(0o777),
    "recursion": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "cells": lambda: csv.field_size_limit(3),
    "alarm": lambda: signal.alarm(1000),
    "profiling timer": lambda: signal.setitimer(signal.ITIMER_PROF, 1000),
    "children's ends": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "alarm's handler": lambda: signal.signal(signal.SIGALRM, print),
    "time zone": changed_time_zone,
    "garbage": gc.disable,
    "type of autocast": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "cache of autocast": lambda: torch.set_autocast_cache_enabled(False),
    "deterministic kernels": lambda: setattr(torch.backends.mkldnn, "deterministic", True),
    "other kernels": lambda: torch.backends.nnpack.set_flags(False),
    "large images": lambda: setattr(Image, "MAX_IMAGE_PIXELS", 5),
    "folder": lambda: os.chdir("/"),
    "cut images": lambda: setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True),
    "settings of figures": lambda: matplotlib.rcParams.update({"text.usetex": True, "backend": "pdf"}),
}


def state():
    """What can be seen of the process's state."""
    return {
        "torch": (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()),
        "flags": (torch.get_deterministic_debug_mode(), torch.get_num_threads(), torch.is_autocast_enabled("cpu")),
        "precision": (global_state._if_told(torch.get_float32_matmul_precision), torch.backends.cudnn.benchmark),
        "draws": (torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()),  # noqa: NPY002
        "numpy": (np.geterr(), np.get_printoptions()),
        "tracing": (sys.gettrace(), sys.getprofile()),
        "images": (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS),
        "mixed": (torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled()),
        "precise": [part.fp32_precision for part in global_state._PRECISE],
        "kernels": (torch.backends.mkldnn.deterministic, global_state._nnpack()),
        "warnings": (warnings.showwarning, id(warnings.filters), list(warnings.filters)),
        "process": (dict(os.environ), os.getcwd(), locale.setlocale(locale.LC_ALL)),
        "arithmetic": (torch.backends.mkldnn.enabled, torch.is_anomaly_enabled(), global_state._flushes()),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "signals": [signal.getsignal(n) for n in process_state._SIGNALS],
        "timers": process_state._running(),
        "time zone": time.tzname,
        "garbage": gc.isenabled(),
        "limits": (process_state._rights(), sys.getrecursionlimit(), csv.field_size_limit()),
        "matplotlib": dict(dict.items(matplotlib.rcParams)),
    }


@pytest.fixture(autouse=True)
def _own_locale():
    """A locale other than C, where there is one, and whatever a test changes put back."""
    before = locale.setlocale(locale.LC_ALL)
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("change", CHANGES)
def test_what_foreign_code_changes_is_put_back(change):
    before = state()
    with foreign("brought"):
        CHANGES[change]()
        assert change == "locale" or state() != before  # there may be no other locale than C
    assert state() == before


def test_state_is_put_back_after_an_error_too():
    def failing():
        with foreign("brought"):
            for change in CHANGES.values():
                change()
            raise KeyError

    before = state()
    with pytest.raises(KeyError):
        failing()
    assert state() == before


@pytest.mark.parametrize("status", [0, 1, None, "enough"])
def test_foreign_code_cannot_end_the_process(status):
    with (
        pytest.raises(UserError, match=r"^brought: calls sys\.exit\(.*\), which would end the program"),
        foreign("brought"),
    ):
        sys.exit(status)


class Panic(BaseException):
    """As libraries that are written in Rust raise."""


@pytest.mark.parametrize("error", [Panic("thread panicked"), GeneratorExit("thread panicked")])
def test_what_foreign_code_raises_that_is_no_exception_is_one_line(error):
    with pytest.raises(UserError, match=r"^brought: failed: \w+: thread panicked$"), foreign("brought"):
        raise error


def test_foreign_code_that_closes_the_output_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(UserError, match=r"^brought: closes sys\.stdout"), foreign("brought"):
        sys.stdout.close()


def test_ctrl_c_is_not_foreign_codes():
    with pytest.raises(KeyboardInterrupt), foreign("brought"):
        signal.raise_signal(signal.SIGINT)


def test_a_warning_is_not_repeated_at_each_call():
    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda *about: shown.append(about)
        for _ in range(3):
            with foreign("brought"):
                warnings.warn("of the code", stacklevel=1)
    assert len(shown) == 1


@pytest.mark.parametrize("change", ["closed", "redirected"])
def test_the_numbers_of_the_streams_stand_for_the_same_files(change, tmp_path):
    number, before = 1, os.fstat(1)
    with foreign("brought"), (tmp_path / "x").open("w") as file:
        os.close(number) if change == "closed" else os.dup2(file.fileno(), number)
    opened = os.open(tmp_path / "y", os.O_WRONLY | os.O_CREAT)
    os.close(opened)
    assert opened != number
    assert os.path.samestat(os.fstat(number), before)


def test_a_timer_of_the_callers_goes_on():
    try:
        signal.setitimer(signal.ITIMER_PROF, 1000)
        with foreign("brought"):
            pass
        assert signal.getitimer(signal.ITIMER_PROF)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def test_own_work_of_two_threads_is_done_one_after_the_other():
    drawn, first = {}, threading.Event()

    def work(seed):
        with own_state(), foreign(f"thread {seed}"):
            torch.manual_seed(seed)
            os.environ["SGBENCH_TEST"] = str(seed)
            first.set()
            time.sleep(0.05)  # while the other one would draw
            drawn[seed] = torch.rand(1).item()

    before = state()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    threads[0].start()
    first.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert state() == before
    for seed, number in drawn.items():
        with foreign("alone"):
            torch.manual_seed(seed)
            assert torch.rand(1).item() == number


def test_own_work_has_the_state_of_a_new_process_and_leaves_the_callers():
    @own_state()
    def seen():
        torch.manual_seed(3)
        made = torch.zeros(2, requires_grad=True) + 1
        with np.errstate() as _:
            np.float64(1.0) / np.array([4.0])
        return made.dtype, made.device.type, made.requires_grad, torch.is_inference_mode_enabled(), np.geterr()["over"]

    with foreign("caller"):
        for change in ("default dtype", "default device", "gradients", "errstate", "autocast", "matmul"):
            CHANGES[change]()
        before = state()
        with torch.inference_mode():
            assert seen() == (torch.float32, "cpu", True, False, "warn")
        assert state() == before


@pytest.mark.parametrize("change", [change for change in CHANGES if change.startswith("precision")])
def test_own_work_is_done_in_whole_float32_whatever_a_caller_has_set(change):
    with foreign("caller"):
        CHANGES[change]()
        before = state()
        with own_state():
            assert torch.get_float32_matmul_precision() == "highest"
            assert torch.backends.mkldnn.conv.fp32_precision == "none"
        assert state() == before
