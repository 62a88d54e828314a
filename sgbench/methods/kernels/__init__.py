"""Triton kernels, to be imported on CUDA alone. A package, since modules of ``sgbench.methods`` are all imported."""
