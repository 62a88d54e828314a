"""Systems and controls of a study, scored: whatever has records is not scored again."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sgbench.cost import Cost, measure_cost, write_cost
from sgbench.data.labels import Group
from sgbench.data.references import Requests
from sgbench.environment import write_origin
from sgbench.job import training_seconds
from sgbench.measure import NAN, make_records
from sgbench.plan import System
from sgbench.records import ALL, COPY, REAL, Record, read_records, write_records
from sgbench.samples import make_samples, write_samples
from sgbench.scores import UNTOUCHED, Scores, TargetScores, write_scores
from sgbench.scoring import TestSet, score
from sgbench.study import Study
from sgbench.translation import Translate, load_models, translator
from sgbench.translations.results import Results


def score_all(study: Study) -> list[Record]:
    """Score every system and control that has no records; return the records of all."""
    records = score_controls(study)
    for system in study.plan.systems:
        records += _scored_system(study, system)
    return records


def score_controls(study: Study) -> list[Record]:
    """Records of real images, copies and, where the data set knows it, the oracle."""
    return [record for name in study.controls for record in _scored_control(study, name)]


def score_results(study: Study, name: str, level: str, results: Results) -> Path:
    """Score translations made elsewhere; those that are missing are left out and counted.

    Args:
        level: labels per value that the model was trained with, for the record; may be empty.

    Returns:
        The system's folder.
    """
    own = f"{name}-{level}" if level else name
    folder = study.folders.system(f"{own}-{results.fingerprint[:8]}-{study.protocol_hash[:8]}")
    if not (folder / "records.csv").exists():
        kept = [
            torch.cat([results.has(request.positions[rows], [group]) for group, rows in request.by_value()])
            for request in study.test.requests
        ]
        test, left_out = study.test.only(kept), tuple(int((~k).sum()) for k in kept)
        if results.stored:
            cost = Cost(None, None, None, None, "not run here")
        else:
            cost = measure_cost(results.translate, test.requests, None, None, study.device)
        write_cost(folder / "cost.json", cost)
        base = Record(**_base(study, folder.name, name, "measured") | {"level": level})
        _score(study, folder, base, results.translate, test, left_out, results)
    return folder


def _scored_system(study: Study, system: System) -> list[Record]:
    folder = study.system_folder(system)
    if (folder / "records.csv").exists():
        return read_records(folder / "records.csv")
    base = _base(study, folder.name, system.entry.name, "measured")
    base = base | {"variant": system.entry.variant, "level": str(system.level), "seed": system.seed}
    models = load_models(system, study.folders, study.device)
    test = study.test
    translate = translator(models, test.images, test.labels, study.device, study.settings.precision)
    parameters = sum(p.numel() for _, method in models for p in method.parameters())
    times = [training_seconds(job, study.folders) for job in system.jobs]
    seconds = None if None in times else sum(times)
    write_cost(folder / "cost.json", measure_cost(translate, test.requests, parameters, seconds, study.device))
    return _score(study, folder, Record(**base), translate, test)


def _scored_control(study: Study, name: str) -> list[Record]:
    folder = study.control_folder(name)
    if (folder / "records.csv").exists():
        return read_records(folder / "records.csv")
    base = Record(**_base(study, folder.name, name, "control"))
    if name == REAL:
        scores = _untouched(study, base)
        return _kept(study, folder, scores)

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        if name == COPY:
            return study.test.images[positions]
        return study.source.counterfactual(study.plan.test[positions], groups)

    return _score(study, folder, base, translate, study.test)


def _untouched(study: Study, base: Record) -> Scores:
    """Scores of the real test images."""
    panel, images = study.panel, study.test.images
    everyone = torch.arange(len(images))
    request = Requests(UNTOUCHED, everyone, torch.full((len(images),), -1, dtype=torch.int8))
    posteriors = tuple(tuple(judge.posteriors(images)) for judge in panel.judges)
    logits = None if panel.inception is None else panel.inception.extract(images)[1]
    return _scores(study, base, (request,), (0,), (TargetScores(posteriors, logits=logits),))


def _score(
    study: Study,
    folder: Path,
    base: Record,
    translate: Translate,
    test: TestSet,
    left_out: tuple[int, ...] | None = None,
    results: Results | None = None,
) -> list[Record]:
    """Scores, samples and records of a translator; the records, written last, say that it is done."""
    total = sum(len(r.positions) for r in test.requests)
    with study.screen.task(f"scoring {base.method} {base.level}".strip(), total) as task:
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            task.update(done)

        batch_size = study.settings.scoring.batch_size
        targets = score(translate, test, study.source.attributes, study.panel, batch_size, advance)
    has = results.has if results else None
    samples = make_samples(translate, test.images, test.labels, study.source.attributes, study.edits, has)
    write_samples(folder / "samples.npz", samples)
    return _kept(study, folder, _scores(study, base, test.requests, left_out or (0,) * len(test.requests), targets))


def _scores(
    study: Study,
    base: Record,
    requests: tuple[Requests, ...],
    left_out: tuple[int, ...],
    targets: tuple[TargetScores, ...],
) -> Scores:
    return Scores(
        base=base,
        attributes=study.source.attributes,
        judges=study.panelists,
        definitions=study.definitions,
        num_resamples=study.settings.scoring.num_resamples,
        ids=study.test_ids,
        labels=study.test_labels,
        requests=requests,
        left_out=left_out,
        targets=targets,
    )


def _kept(study: Study, folder: Path, scores: Scores) -> list[Record]:
    write_scores(folder / "scores.npz", scores)
    write_origin(folder / "origin.json", study.device)
    records = make_records(scores)
    write_records(folder / "records.csv", records)
    return records


def _base(study: Study, system: str, method: str, origin: str) -> dict:
    """Fields that a system's records share; the others are set record by record."""
    return {
        "system": system,
        "method": method,
        "variant": "",
        "level": "",
        "seed": 0,
        "dataset": study.source.name,
        "image_size": study.settings.data.image_size,
        "target": "",
        "direction": ALL,
        "measured_on": "",
        "metric": "",
        "definition": "",
        "value": NAN,
        "low": NAN,
        "high": NAN,
        "num_images": 0,
        "unit": "",
        "origin": origin,
    }
