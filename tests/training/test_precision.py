"""Which precision ``auto`` means, by what the device computes in hardware."""

import pytest
import torch

from sgbench.training.precision import settled

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_f": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"neon": True, "bf16": True}, "bfloat16"),
        ({"neon": True}, "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert settled("auto", CPU) == precision


@pytest.mark.parametrize(("known", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_auto_on_a_gpu_is_bfloat16_unless_it_would_be_emulated(monkeypatch, known, precision):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: known or including_emulation)
    assert settled("auto", CUDA) == precision


@pytest.mark.parametrize("named", ["float32", "bfloat16"])
def test_a_precision_that_is_named_is_kept_whatever_the_device(monkeypatch, named):
    for capabilities in ({}, {"avx512_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda capabilities=capabilities: capabilities)
        assert settled(named, CPU) == named
