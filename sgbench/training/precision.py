"""The precisions in which networks can be trained and run, and the one that suits a device."""

from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]

WantedPrecision = Literal["auto", "float32", "bfloat16"]
"""What a setting can say; ``auto`` is settled once the device is known."""

_IN_HARDWARE = ("avx512_bf16", "amx_bf16", "bf16")
"""Of processors that multiply bfloat16, as ``torch.cpu.get_capabilities`` names it on x86 and on ARM. Others convert
each number there and back, and are several times slower than in float32."""


def settled(wanted: WantedPrecision, device: torch.device) -> Precision:
    """The precision that is meant on a device: for ``auto`` bfloat16 where it is computed in hardware, else float32."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        in_hardware = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        in_hardware = any(torch.cpu.get_capabilities().get(name) for name in _IN_HARDWARE)
    return "bfloat16" if in_hardware else "float32"
