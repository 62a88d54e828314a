"""Makes the records that CI compares with ``reports/reference``: ``python reports/make_reference.py FOLDER``.

Two tiers, both computed in float64. ``metrics.csv``: the metrics of embedded faces on fixed inputs: rendered faces,
their counterfactuals and the results of untrained networks whose weights come from NumPy, rounded to 8 bits, judged by
such networks. ``losses.csv``: the first losses of each method and judge from a seed, with the versions of the code in
their definitions: code that gives others must raise its version, or trained models would be taken for what they are
not. (In float32 an optimiser's first steps turn the rounding of a processor into differences of a thousandth.) The
tolerances lie beside the reference.
"""

import argparse
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from sgbench.data.batches import Batches
from sgbench.data.labels import Batch, sparsify
from sgbench.data.pixels import to_bytes, to_floats
from sgbench.data.requests import make_requests
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.data.store.references import References
from sgbench.judges.architectures import PAPERS, Architecture
from sgbench.judges.judge import Judge
from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JUDGE_VERSION, JudgeSettings, train_judge
from sgbench.methods.contract import Method
from sgbench.results.records import ALL, Record, write_records
from sgbench.results.scores import Panelist, Scores, Verdict
from sgbench.scoring.evaluation_set import everything_asked
from sgbench.scoring.figures import make_records
from sgbench.scoring.panel import Panel
from sgbench.scoring.scorer import score
from sgbench.scoring.translator import Translate
from sgbench.settings.reading import METHOD_PACKAGES
from sgbench.support.loading import load_class
from sgbench.training.loop import LOOP_VERSION, step_seed

SIZE, NUM_FACES, ITERATIONS = 32, 60, 3
METHODS = {
    "sggan": {"batch_size": 4, "n_critic": 2},
    "stargan": {"batch_size": 4, "n_critic": 2},
    "residualgan": {"batch_size": 4},
    "semistargan": {"batch_size": 4, "n_critic": 2},
    "attgan": {"batch_size": 4, "n_critic": 2},
    "stgan": {"batch_size": 4, "n_critic": 2},
}
TRANSLATING = ("sggan", "stargan", "semistargan")
"""Methods whose untrained results are measured."""
BLANK = Record("", "", "", "", 0, "faces", SIZE, "", ALL, "", "", "", nan, nan, nan, 0, "", "measured")


def main() -> None:
    """Write both tiers into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    attributes = ("gender", "smile", "hair_color", "lipstick")
    source = EmbeddedFaces(
        EmbeddedFaces.Settings(image_size=SIZE, attributes=attributes, num_images=NUM_FACES, num_test=NUM_FACES - 1)
    )
    images = torch.from_numpy(source.read_many(range(NUM_FACES)))
    write_records(folder / "metrics.csv", metric_records(source, images))
    torch.set_default_dtype(torch.float64)
    write_records(folder / "losses.csv", [*loss_records(source, images), *judge_loss_records(source, images)])


def metric_records(source: EmbeddedFaces, images: Tensor) -> list[Record]:
    """Every metric of copies, counterfactuals and the results of untrained generators."""
    everyone = torch.arange(NUM_FACES)
    requests = tuple(make_requests(source.labels, source.attributes))
    counterfactuals = [
        torch.cat([source.counterfactual(r.positions[rows], [group]) for group, rows in r.by_value()]) for r in requests
    ]
    references = References(counterfactuals, source.background(everyone))
    test = everything_asked(images, source.labels, requests, references)
    architectures = get_args(Architecture)
    panel = Panel(tuple(fill(Judge(source.attributes, a, SIZE), seed).eval() for seed, a in enumerate(architectures)))
    verdicts = tuple(Verdict(1.0, 0.5) for _ in source.attributes)
    systems: dict[str, Translate] = {
        "copy": lambda positions, groups: images[positions],
        "oracle": source.counterfactual,
    }
    systems |= {name: untrained(name, source, images) for name in TRANSLATING}
    records = []
    for name, translate in systems.items():
        scores = Scores(
            base=replace(BLANK, system=name, method=name),
            attributes=source.attributes,
            judges=tuple(Panelist(architecture, verdicts) for architecture in architectures),
            definitions={"inception": "not scored: no weights"},
            num_resamples=50,
            ids=tuple(source.ids),
            labels=source.labels,
            requests=requests,
            left_out=(0,) * len(requests),
            targets=score(translate, test, source.attributes, panel, batch_size=32),
        )
        records += make_records(scores)
    return records


def loss_records(source: EmbeddedFaces, images: Tensor) -> list[Record]:
    """Losses of the first iterations of each method, on the first attributes it can take."""
    records = []
    for name, settings in METHODS.items():
        method = build(name, source, settings)
        columns = [source.attributes.index(a) for a in method.attributes]
        labels = sparsify(source.labels[:, columns], method.attributes, 5, 0)
        batches = Batches(
            images,
            torch.arange(NUM_FACES),
            labels,
            method.settings.batch_size,
            0.25,
            method.sampling,
            0,
            torch.device("cpu"),
        )
        for iteration in range(ITERATIONS):
            torch.manual_seed(step_seed(0, iteration))
            drawn = batches.at(iteration, method.batches_per_iteration)
            losses = method.step([Batch(batch.images.double(), batch.labels) for batch in drawn], iteration)
            about = {"system": name, "method": name, "metric": "first_loss", "unit": "score", "num_images": NUM_FACES}
            where = f"version {method.version}, loop {LOOP_VERSION}, iteration {iteration + 1}"
            records += [
                replace(BLANK, measured_on=k, definition=where, value=float(v), **about) for k, v in losses.items()
            ]
    return records


def judge_loss_records(source: EmbeddedFaces, images: Tensor) -> list[Record]:
    """Losses of the first batches of each architecture of judges, each trained as it is in a study."""
    records = []
    shared = {"epochs": 1, "batch_size": 16}
    seats = [(PAPERS, JudgeSettings(**shared)), *JurySettings(size=2, **shared).seats()]
    for architecture, settings in seats:
        losses: list[Tensor] = []
        everyone, cpu = torch.arange(NUM_FACES), torch.device("cpu")
        train_judge(
            images,
            everyone,
            source.labels,
            source.attributes,
            settings,
            cpu,
            lambda epoch, losses=losses: losses.append(epoch.loss),
            architecture,
        )
        about = {"system": architecture, "metric": "first_loss", "unit": "score", "num_images": NUM_FACES}
        records += [
            replace(
                BLANK, measured_on="cross_entropy", definition=f"version {JUDGE_VERSION}, batch {n}", value=v, **about
            )
            for n, v in enumerate(map(float, losses[:ITERATIONS]), 1)
        ]
    return records


def build(name: str, source: EmbeddedFaces, settings: dict) -> Method:
    """A narrow method with its own initialisation from a seed."""
    cls = load_class(name, Method, METHOD_PACKAGES)
    attributes = source.attributes[:1] if cls.one_attribute else source.attributes
    torch.manual_seed(0)
    own = cls.Settings(iterations=10, constant_iterations=10, base_width=8, **settings)
    return cls(attributes, SIZE, own, source.labels[:, : len(attributes)])


def untrained(name: str, source: EmbeddedFaces, images: Tensor) -> Translate:
    """A method's translations with weights from NumPy, in float64."""
    method = fill(build(name, source, METHODS[name]), 1).eval()
    x = to_floats(images, torch.float64)
    return lambda positions, groups: to_bytes(method.translate(x[positions], source.labels[positions], groups))


def fill(module: nn.Module, seed: int) -> nn.Module:
    """The module in float64 with every parameter drawn by NumPy."""
    rng = np.random.default_rng(seed)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(0, 0.1, parameter.shape)))
    return module


if __name__ == "__main__":
    main()
