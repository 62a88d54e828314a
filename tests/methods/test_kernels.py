"""Kernels without a GPU: Triton's interpreter runs them on a CPU, and its compiler makes code for an H100 of them.

The interpreter has to be chosen before Triton is imported, and the compiler is given no driver: in other processes.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sgbench.methods import kernels

HERE = Path(__file__).parent
_OF_TRITON = "ignore:Conversion of an array with ndim:DeprecationWarning:triton.runtime.interpreter"
"""What the interpreter of earlier versions of Triton is warned of by NumPy."""
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="this build of PyTorch is without Triton")


def python(*arguments, **environment):
    root = HERE.parents[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)} | environment
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def passed_in_the_interpreter(file, names):
    """How many tests passed; none may fail or be skipped."""
    options = "-p", "no:cacheprovider", "-W", _OF_TRITON, "-k", names
    said = python("-m", "pytest", *options, HERE / file, TRITON_INTERPRET="1")
    assert "skipped" not in said
    return int(re.search(r"(\d+) passed", said)[1])


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["norm", "shift", "pad", "patches"])
def test_kernels_in_the_interpreter(kernels):
    assert passed_in_the_interpreter("interpreted_kernels.py", f"test_{kernels}") > 10


@pytest.mark.slow
@pytest.mark.parametrize(("tests", "least"), [("test_block", 30), ("test_iteration", 4)])
def test_methods_in_the_interpreter(tests, least):
    assert passed_in_the_interpreter("interpreted_methods.py", tests) >= least


@pytest.mark.slow
def test_kernels_compile_for_an_h100(tmp_path):
    said = python(HERE / "compiled_kernels.py", TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0")
    launches = re.findall(r"Used (\d+) registers(?s:.*?)\nkernel (\w+) (\d+) (\d+) (\d+)\n", said)
    names = {name for _, name, *_ in launches}
    assert {"split_moments", "norm_act", "split_sums", "norm_act_backward"} < names
    assert names >= {"_sum_shifted", "_patches", "_leaky_pad"}
    spilt = [int(amount) for amount in re.findall(r"(\d+) bytes spill", said)]
    assert spilt
    assert not any(spilt)
    for registers, name, warps, wide, fused in launches:
        assert 2 * int(registers) * int(warps) * 32 <= 65536, f"{name}: a processor has no room for two programs"
        if name != "_fold" and int(warps) > 1:  # which adds maps of 3 channels up; and maps of 4 places
            assert int(wide) > 0, f"{name} moves single values"
        # A fused product can have another sign than the same product rounded, and both passes must see one sign.
        assert int(fused) == 0, f"{name} fuses what the code does not"


@pytest.mark.slow
def test_methods_are_found_without_triton():
    program = """
import sys
sys.modules["triton"] = None
from sgbench.methods.contract import Method
from sgbench.settings.reading import METHOD_PACKAGES
from sgbench.support.loading import classes_in
print(*(cls.key for cls in classes_in(METHOD_PACKAGES, Method)))
"""
    assert "sggan" in python("-c", program).split()


@pytest.mark.parametrize("known", [True, False])
def test_kernels_are_used_on_the_current_gpu_for_two_types(known, monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(kernels, "_has_triton", lambda: known)
    used = {
        (device, dtype)
        for device in ("cpu", "meta", "cuda:0", "cuda:1")
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
        if kernels.usable(SimpleNamespace(device=torch.device(device), dtype=dtype))
    }
    assert used == ({("cuda:1", torch.bfloat16), ("cuda:1", torch.float32)} if known else set())


@pytest.mark.slow
def test_without_triton_no_kernel_is_used():
    program = """
import sys
sys.modules["triton"] = None
from sgbench.methods import kernels
print(kernels._has_triton())
"""
    assert python("-c", program) == "False\n"
