"""Memory of scoring 5,000 images x 3 targets at 128x128, and speed of background MS-SSIM against a NumPy loop.

    python benchmarks/scoring.py [--out benchmarks/scoring.md]

Scoring runs in a separate process, of which the peak of resident memory is read. The images are noise and are in a
memory-mapped file, like those of a study. The loop computes one image after another with NumPy and SciPy, like the code
that was used at the time of the paper. It must give our figures within 1e-10, and both are timed in turns.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.signal import convolve

NUM_IMAGES, NUM_TARGETS, SIZE = 5000, 3, 128
SPEED_SIZES = (32, 64, 128, 256)
ROUNDS = 5


def main() -> None:
    """Measure and write a Markdown file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        print(*score_everything(arguments.memory))
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (NUM_IMAGES, 3, SIZE, SIZE))
        rng = np.random.default_rng(0)
        for start in range(0, NUM_IMAGES, 500):
            images[start : start + 500] = rng.integers(0, 256, images[:500].shape, dtype=np.uint8)
        del images
        done = subprocess.run(
            [sys.executable, __file__, "--memory", str(path)], capture_output=True, text=True, check=True
        )
    number, peak = done.stdout.split()
    lines = [
        "# Scoring: memory and speed",
        "",
        f"`python benchmarks/scoring.py`, on {os.cpu_count()} cores of {_processor()}.",
        "",
        f"- {int(number):,} translations ({NUM_IMAGES:,} images x {NUM_TARGETS} targets, {SIZE}x{SIZE}) by a ResNet-18 "
        f"judge and every image metric, without Inception: peak resident memory {int(peak) / 2**20:.2f} GiB.",
        f"- Background MS-SSIM against a loop over images, per image, medians of {ROUNDS} alternating rounds:",
        "",
        "| Side of images | Corner | Times faster |",
        "|--:|--:|--:|",
        *(f"| {size} | {corner} | {ratio:.0f} |" for size, corner, ratio in speeds()),
    ]
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def score_everything(path: Path) -> tuple[int, int]:
    """Score results for the images in a file; returns how many, and the peak of resident memory in KiB."""
    import torch

    from sgbench.data.requests import make_requests
    from sgbench.data.sources.attributes import ATTRIBUTES
    from sgbench.data.store.references import References
    from sgbench.judges.judge import Judge
    from sgbench.scoring.evaluation_set import everything_asked
    from sgbench.scoring.panel import Panel
    from sgbench.scoring.scorer import score

    images = torch.from_numpy(np.load(path, mmap_mode="c"))
    attributes = (ATTRIBUTES[0], ATTRIBUTES[1], ATTRIBUTES[3])
    labels = (torch.arange(NUM_IMAGES * NUM_TARGETS) % 2).to(torch.int8).reshape(NUM_IMAGES, NUM_TARGETS)
    test = everything_asked(images, labels, make_requests(labels, attributes), References(None, None))
    panel = Panel([Judge(attributes).eval()])
    targets = score(lambda positions, _: images[positions] ^ 3, test, attributes, panel, batch_size=250)
    number = sum(len(target.terms["change", "image"]) for target in targets)
    return number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def speeds() -> list[tuple[int, int, float]]:
    """For each size: the side of the images, the side of the corner, and how many times faster our code is."""
    import torch

    from sgbench.metrics.background import BackgroundMSSSIM, side

    rows = []
    for size in SPEED_SIZES:
        x, y = np.random.default_rng(size).integers(0, 256, (2, 1000, 3, size, size), dtype=np.uint8)
        metric, corner = BackgroundMSSSIM(size), side(size)
        ours, loops = [], []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            terms = metric.terms(torch.from_numpy(x), torch.from_numpy(y))
            ours.append((time.perf_counter() - start) / len(x))
            start = time.perf_counter()
            by_loop = [
                loop_terms(a[:, :corner, :corner], b[:, :corner, :corner]) for a, b in zip(x[:50], y[:50], strict=True)
            ]
            loops.append((time.perf_counter() - start) / 50)
            np.testing.assert_allclose(terms[:50].numpy(), by_loop, rtol=0, atol=1e-10)
        rows.append((size, corner, statistics.median(loops) / statistics.median(ours)))
    return rows


def loop_terms(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Five terms of MS-SSIM for one image [3, h, w]: the contrast of four scales, and the full SSIM of the last."""
    x, y, terms = x.astype(np.float64), y.astype(np.float64), []
    for scale in range(5):
        size = min(11, x.shape[1])
        offsets = np.arange(size) - (size - 1) / 2
        line = np.exp(-0.5 * (offsets / (1.5 * size / 11)) ** 2)
        window = np.outer(line, line)[None] / line.sum() ** 2
        means = [convolve(image, window, "valid", "direct") for image in (x, y, x * x, y * y, x * y)]
        mean_x, mean_y = means[:2]
        variances = means[2] + means[3] - mean_x**2 - mean_y**2
        term = (2 * (means[4] - mean_x * mean_y) + 58.5225) / (variances + 58.5225)
        if scale == 4:
            term = term * (2 * mean_x * mean_y + 6.5025) / (mean_x**2 + mean_y**2 + 6.5025)
        terms.append(float(term.mean()))
        x, y = (halved(image) for image in (x, y))
    return terms


def halved(image: np.ndarray) -> np.ndarray:
    """Halve an image: means of neighbouring rows and columns (the last is repeated), of which every second is kept."""
    image = np.pad(image, ((0, 0), (0, 1), (0, 1)), mode="edge")
    return ((image[:, :-1, :-1] + image[:, 1:, :-1] + image[:, :-1, 1:] + image[:, 1:, 1:]) / 4)[:, ::2, ::2]


def _processor() -> str:
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
