"""Whether training keeps memory: ``python benchmarks/training_memory.py`` writes ``training_memory.md``.

Each method is trained in a process of its own, with a checkpoint from time to time; its resident memory and its live
tensors are read on the way. What is kept from each iteration would be seen: a tensor of one float, kept 5,000 times, is
5,000 live tensors, and a kept graph is megabytes.
"""

import argparse
import gc
import multiprocessing
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from growing import hardware

ITERATIONS, EVERY = 5000, 500
METHODS = ("sggan", "stargan", "residualgan")
PAGE = Path(__file__).with_suffix(".md")
SIZE, NUM_IMAGES, BATCH, WIDTH = 32, 200, 2, 4
CHECKPOINT_SECONDS = 5.0


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in parser.parse_args().methods:
        with context.Pool(1) as pool:
            rows += pool.apply(measured, (name,))
    from sgbench.report.markdown import markdown

    text = (
        f"# Memory over {ITERATIONS:,} iterations\n\n`python benchmarks/training_memory.py`, on {hardware()}. Random "
    )
    text += f"images of {SIZE} x {SIZE}, batches of {BATCH}, networks {WIDTH} wide, a checkpoint every "
    text += f"{CHECKPOINT_SECONDS:g} s. Resident memory in MiB (live tensors), after so many iterations.\n\n"
    PAGE.write_text(text + markdown(pd.DataFrame(rows)) + "\n", encoding="utf-8")


def measured(name: str) -> list[dict[str, str]]:
    """Train a method; a row of the table."""
    import torch

    from baselines.residualgan import ResidualGAN
    from baselines.stargan import StarGAN
    from sgbench.data.batches import Batches
    from sgbench.data.labels import Attribute, sparsify
    from sgbench.methods.sggan import SGGAN
    from sgbench.results.job_folder import JobFolder
    from sgbench.training.loop import Loop, train

    torch.set_num_threads(1)
    cls = {"sggan": SGGAN, "stargan": StarGAN, "residualgan": ResidualGAN}[name]
    attributes = (Attribute("a", ("no", "yes")), Attribute("b", ("no", "yes")))[: 1 if cls.one_attribute else 2]
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (NUM_IMAGES, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    labels = torch.randint(2, (NUM_IMAGES, len(attributes)), generator=generator).to(torch.int8)
    sparse = sparsify(labels, attributes, 20, 0)
    settings = cls.Settings(iterations=ITERATIONS, constant_iterations=ITERATIONS, batch_size=BATCH, base_width=WIDTH)
    method = cls(attributes, SIZE, settings, sparse.labels).to(memory_format=torch.channels_last)
    positions, share, device = torch.arange(NUM_IMAGES), settings.labelled_share, torch.device("cpu")
    batches = Batches(images, positions, sparse, settings.batch_size, share, cls.sampling, 0, device)
    row = {"Method": cls.display_name}

    def look(done: int, _: dict[str, float]) -> None:
        if done % EVERY == 0:
            gc.collect()
            tensors = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            row[f"{done:,}"] = f"{resident:.0f} ({tensors})"
            print(name, done, row[f"{done:,}"], flush=True)

    with TemporaryDirectory() as folder:
        train(method, batches, JobFolder(Path(folder)), 0, loop=Loop(CHECKPOINT_SECONDS, report=look))
    return [row]


if __name__ == "__main__":
    main()
