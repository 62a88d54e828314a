"""A program that ``test_kernels`` starts: without a GPU it compiles every kernel for an H100, for true shapes.

It prints a line for each launch: name, warps, accesses of 16 bytes, operations that fuse a product with a sum; and what
the assembler says of registers.
"""

import torch
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from sgbench.methods.kernels.norms import norm_act, norm_act_backward
from sgbench.methods.kernels.pads import leaky_pad, leaky_pad_gradients
from sgbench.methods.kernels.patches import fold, gather_shifted, patches
from sgbench.methods.kernels.shifts import sum_shifted


class NoDriver:
    """What a launch asks of a driver before it compiles."""

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)


def compile_only(kernel, *values, grid, warmup, launch=JITFunction.run, **options):
    compiled = launch(kernel, *values, grid=grid, warmup=True, **options)
    code = compiled.asm["ptx"]
    print("kernel", kernel.fn.__name__, compiled.metadata.num_warps, code.count(".v4.b32"), code.count("fma."))


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def main():
    driver.set_active(NoDriver())
    knobs.nvidia.dump_ptxas_log = True
    JITFunction.run = compile_only
    for dtype in (torch.bfloat16, torch.float32):
        for n, c, side in ((8, 64, 128), (8, 128, 64), (8, 256, 32), (64, 256, 32), (8, 512, 8)):
            x = empty(n, side, side, c, dtype=dtype).permute(0, 3, 1, 2)
            y, mean, rstd = norm_act(x, empty(c), empty(c), 1e-5, 0.0)
            norm_act_backward(y, x, empty(c), empty(c), mean, rstd, 0.0)
        for groups in (1, 8):
            gather_shifted(sum_shifted(empty(groups, 8, 128, 128, 168, dtype=dtype), 7, 3), 7, groups)
        x = empty(72, 65, 65, 64, dtype=dtype).permute(0, 3, 1, 2)[..., :64, :64]
        leaky_pad_gradients(leaky_pad(x, empty(64), 0.2, (1, 2, 1, 2)), x, empty(64), 0.2, (1, 2, 1, 2))
        leaky_pad(empty(16, 2, 2, 2048, dtype=dtype).permute(0, 3, 1, 2), None, 0.2, (0, 0, 0, 0))
        for c, kernel_size, stride, places in ((3, 5, 2, 64), (3, 7, 1, 128), (7, 7, 1, 128), (3, 4, 2, 32)):
            images = empty(16, stride * places, stride * places, c, dtype=dtype).permute(0, 3, 1, 2)
            z = patches(images, kernel_size, stride, (1, 1), (places, places)).view(16, places, places, -1)
            fold(z, kernel_size, c, stride, (1, 1), (stride * places, stride * places))
        sum_shifted(empty(1, 72, 2, 2, 24, dtype=dtype), 3, 1)


if __name__ == "__main__":
    main()
