"""Methods that fail in the middle of training, as the source of a module of their own."""

FAILING = """
import os
import signal

import torch

from sgbench.methods.sggan import SGGAN


class Hungry(SGGAN):
    key = "hungry"

    def step(self, batches, iteration):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


class Greedy(SGGAN):
    key = "greedy"

    def step(self, batches, iteration):
        torch.empty(10**15)


class Shot(SGGAN):
    key = "shot"

    def step(self, batches, iteration):
        if iteration:  # the first is tried where the command runs
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(batches, iteration)


class Leaving(SGGAN):
    key = "leaving"

    def step(self, batches, iteration):
        raise SystemExit(0)


class Blank(SGGAN):
    key = "blank"

    def edit(self, images, labels, group):
        return images * float("nan")


class Changing(SGGAN):
    key = "changing"

    def step(self, batches, iteration):
        losses = super().step(batches, iteration)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False) if iteration == 1 else None
        os.environ["SGBENCH_TEST"] = "1"
        return losses


class Gone(SGGAN):
    key = "gone"

    def step(self, batches, iteration):
        os._exit(0)


class Faulty(SGGAN):
    key = "faulty"

    def step(self, batches, iteration):
        raise RuntimeError("of something else")


class Mistaken(SGGAN):
    key = "mistaken"

    def step(self, batches, iteration):
        return {"loss": {}["no such part"]}


class Plain(SGGAN):
    key = "plain"

    def step(self, batches, iteration):
        return {"loss": 1.0}


class Silent(SGGAN):
    key = "silent"

    def step(self, batches, iteration):
        return None


def made_settings():
    class Settings(SGGAN.Settings):
        gain: float = 1.0

    return Settings


class Unsent(SGGAN):
    key = "unsent"
    Settings = made_settings()
"""
