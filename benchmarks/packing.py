"""Measures the cost and the gain of packed images: ``python benchmarks/packing.py``.

Makes a folder like CelebA's of JPEGs of 178x218 (smooth colours and noise, about CelebA's file size), then measures

- packing, as a run does it, against two processes that only decode, crop and resize;
- random float batches from the packed images against a DataLoader over the JPEGs and two simple stores of images;
- peak memory over all processes while as many images as CelebA has are packed.

What is compared is measured in turns, with the files in the page cache. Medians of ratios are written as Markdown.
"""

import argparse
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
import PIL
import torch
from packing_rivals import BATCH_SIZE, NUM_BATCHES, SIZE, bare_rate, loader_rate, plain_rate
from PIL import Image

from sgbench.data.batches import Batches
from sgbench.data.labels import sparsify
from sgbench.data.sources.celeba import COLUMNS, NUM_IMAGES, TOTALS, CelebA
from sgbench.data.store.packed import PackedImages, open_store, store_folder, verify_store
from sgbench.support.atomic import write_text

CPU = torch.device("cpu")


def make_copy(root: Path, num_images: int) -> CelebA:
    """Make a folder like that of CelebA's authors, with random images and labels."""
    folder = root / "img_align_celeba"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.where(rng.random((num_images, len(TOTALS))) < 0.5, "1", "-1")
    rows = [str(num_images), " ".join(TOTALS)]
    for number, row in enumerate(labels, 1):
        name = f"{number:06d}.jpg"
        coarse = Image.fromarray(rng.integers(0, 256, (14, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((178, 218), Image.Resampling.BICUBIC), np.float32)
        pixels = (smooth + rng.normal(0, 4, (218, 178, 1))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=80)
        rows.append(f"{name} {' '.join(row)}")
    (root / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    return CelebA(CelebA.Settings(path=root, attributes=tuple(COLUMNS), image_size=SIZE))


def packing_rate(source: CelebA, cache: Path) -> float:
    """Images per second of packing into an empty folder, with as many processes as ``bare_rate``."""
    shutil.rmtree(cache, ignore_errors=True)
    start = time.perf_counter()
    images = open_store(source, cache, processes=2)
    return len(images) / (time.perf_counter() - start)


def batches_rate(batches: Batches) -> float:
    """Images per second of the suite's batches."""
    start = time.perf_counter()
    for iteration in range(NUM_BATCHES):
        batches.at(iteration, 1)
    return NUM_BATCHES * BATCH_SIZE / (time.perf_counter() - start)


def in_turns(rounds: int, rates: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure each rate once per round; every second round has the reverse order."""
    measured: dict[str, list[float]] = {title: [] for title in rates}
    for number in range(rounds):
        for title in list(rates)[:: 1 if number % 2 == 0 else -1]:
            measured[title].append(rates[title]())
            print(f"{title} {measured[title][-1]:,.0f} images/s", flush=True)
    return measured


class Flat:
    """A data set whose images are made without any work."""

    name = "flat"

    def __init__(self, num_images: int):
        self.settings, self.ids, self.fingerprint = SimpleNamespace(image_size=SIZE), range(num_images), "0" * 64

    def times(self) -> None:
        return None

    def read_many(self, index: Sequence[int]) -> np.ndarray:
        return np.full((len(index), 3, SIZE, SIZE), index[0] % 256, np.uint8)


def peak_memory(cache: Path, num_images: int) -> float:
    """Peak memory in MiB of a process that packs and of its child processes (proportional set sizes)."""
    process = multiprocessing.get_context("spawn").Process(target=open_store, args=(Flat(num_images), cache))
    process.start()
    peak = 0.0
    while process.is_alive():
        peak = max(peak, sum(map(_proportional_size, _family(process.pid))))
        time.sleep(0.05)
    if process.exitcode:
        raise RuntimeError("packing failed")
    return peak


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


def _proportional_size(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has just ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def machine() -> str:
    """The machine and the versions of packages, as text."""
    info = Path("/proc/cpuinfo").read_text()
    cpu = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, torch {torch.__version__} with {torch.get_num_threads()} threads, Pillow "
        f"{PIL.__version__}; load average {os.getloadavg()[0]:.1f} before the run"
    )


def table(measured: dict[str, list[float]]) -> str:
    """Median rates, and medians and ranges of each round's ratio to the first of the rates."""
    lines = ["| | images/s | ratio | range |", "|:--|--:|--:|:--|"]
    base, *_ = measured.values()
    for title, rates in measured.items():
        ratios = sorted(rate / reference for rate, reference in zip(rates, base, strict=True))
        numbers = [f"{median(rates):,.0f}", f"{median(ratios):.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}"]
        lines.append(f"| {' | '.join([title, *numbers])} |")
    return "\n".join(lines)


def measure(folder: Path, num_images: int, rounds: int, num_flat: int) -> str:
    """Make all measurements; returns the page."""
    about = machine()
    source = make_copy(folder / "copy", num_images)
    files = [source.folder / name for name in source.ids]
    size = sum(path.stat().st_size for path in files) / len(files) / 1000
    cache, bare, packed = folder / "cache", "two bare processes", "packing by two processes"
    packing = in_turns(rounds, {bare: lambda: bare_rate(files), packed: lambda: packing_rate(source, cache)})
    verify_store(store_folder(source, cache))
    images = PackedImages(store_folder(source, cache))
    everyone = torch.arange(num_images)
    labels = sparsify(source.labels, source.attributes, "all", 0)
    batches = Batches(images, everyone, labels, BATCH_SIZE, 0.25, "mixed", 0, CPU)
    in_memory = images[everyone]
    np.save(folder / "plain.npy", in_memory.numpy())
    mapped = torch.from_numpy(np.load(folder / "plain.npy", mmap_mode="c"))
    rates = {
        "DataLoader over JPEGs, two workers": lambda: loader_rate(files),
        "the suite's batches, one process": lambda: batches_rate(batches),
        "one memory-mapped array, indexed": lambda: plain_rate(mapped),
        "a tensor in memory, indexed": lambda: plain_rate(in_memory),
    }
    loading = in_turns(rounds, rates)
    peak = peak_memory(folder / "flat", num_flat)
    intro = (
        f"Written by `python benchmarks/packing.py`: {num_images:,} JPEGs of 178x218, {size:.1f} kB each, packed at "
        f"{SIZE}x{SIZE}; {rounds} rounds in turns, medians. Only ratios within a table carry over to other machines."
    )
    parts = ["# Packed images", intro, about + ".", "## Packing", table(packing)]
    parts += [f"## Random float batches of {BATCH_SIZE}", table(loading), "## Memory"]
    parts += [f"Peak over all processes while {num_flat:,} images of {SIZE}x{SIZE} are packed: {peak:,.0f} MiB.\n"]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-images", type=int, default=8000, help="JPEGs to make (default: 8000)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each rate (default: 5)")
    parser.add_argument("--num-flat", type=int, default=NUM_IMAGES, help="images packed for peak memory, 49 kB each")
    parser.add_argument("--folder", type=Path, help="where to put temporary files (default: the system's folder)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"), help="the page to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        page = measure(Path(folder), arguments.num_images, arguments.rounds, arguments.num_flat)
    write_text(arguments.out, page)
    print(page)


if __name__ == "__main__":
    main()
