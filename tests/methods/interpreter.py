"""Triton's interpreter, made to round bfloat16 as a GPU does; imported by tests that run in it."""

import numpy as np
import torch
import triton.language as tl
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle


def rounded(builder, source, dtype, cut=InterpreterBuilder.create_fp_trunc):
    """The interpreter cuts bits of bfloat16 off; a GPU rounds to the nearest."""
    if dtype.scalar != tl.bfloat16:
        return cut(builder, source, dtype)
    bits = torch.from_numpy(np.atleast_1d(source.data)).float().bfloat16().view(torch.int16).numpy().view(np.uint16)
    return TensorHandle(bits.reshape(np.shape(source.data)), dtype.scalar)


InterpreterBuilder.create_fp_trunc = rounded
