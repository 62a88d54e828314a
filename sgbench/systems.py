"""Systems and controls of a study, scored: whatever has records is not scored again."""

import hashlib
from collections.abc import Callable, Sequence
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
from sgbench.records import ALL, COPY, NO_SEED, REAL, Record, read_records, write_records
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


def score_results(study: Study, name: str, level: str, seed: int | None, results: Results) -> Path:
    """Score translations made elsewhere; those that are missing are left out and counted.

    What is stored, or made by a program's file, is known by its bytes and not scored again. A function's results may
    depend on anything: they are made and scored each time, and known by their own bytes.

    Args:
        level: labels per value that the model was trained with, for the record; may be empty.
        seed: that it was trained with, where that is known.

    Returns:
        The system's folder.
    """

    def folder_of(fingerprint: str) -> Path:
        own = "-".join([name, *filter(None, [level]), *([] if seed is None else [f"s{seed}"])])
        return study.folders.system(f"{own}-{fingerprint[:8]}-{study.protocol_hash[:8]}")

    if results.fingerprint and (folder_of(results.fingerprint) / "records.csv").exists():
        return folder_of(results.fingerprint)
    kept = [
        torch.cat([results.has(request.positions[rows], [group]) for group, rows in request.by_value()])
        for request in study.test.requests
    ]
    test, left_out = study.test.only(kept), tuple(int((~k).sum()) for k in kept)
    key = hashlib.sha256()

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        made = results.translate(positions, groups)
        key.update(made.numpy().tobytes())
        return made

    targets = _targets(study, f"{name} {level}".strip(), translate, test)
    fingerprint = results.fingerprint or key.hexdigest()
    folder = folder_of(fingerprint)
    if results.stored:
        cost = Cost(None, None, None, None, "not run here")
    else:
        cost = measure_cost(results.translate, test.requests, None, None, study.device)
    write_cost(folder / "cost.json", cost)
    _write_samples(study, folder, results.translate, results.has)
    about = {"level": level, "seed": NO_SEED if seed is None else seed}
    base = Record(**_base(study, folder.name, name, "measured") | about)
    scores = _scores(study, base, test.requests, left_out, targets)
    _keep(study, folder, scores, given=results.given, sha256=fingerprint)
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
    return _score(study, folder, Record(**base), translate)


def _scored_control(study: Study, name: str) -> list[Record]:
    folder = study.control_folder(name)
    if (folder / "records.csv").exists():
        return read_records(folder / "records.csv")
    base = Record(**_base(study, folder.name, name, "control"))
    if name == REAL:
        scores = _untouched(study, base)
        return _keep(study, folder, scores)

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        if name == COPY:
            return study.test.images[positions]
        return study.source.counterfactual(study.plan.test[positions], groups)

    return _score(study, folder, base, translate)


def _untouched(study: Study, base: Record) -> Scores:
    """Scores of the real test images."""
    panel, images = study.panel, study.test.images
    everyone = torch.arange(len(images))
    request = Requests(UNTOUCHED, everyone, torch.full((len(images),), -1, dtype=torch.int8))
    posteriors = tuple(tuple(judge.posteriors(images)) for judge in panel.judges)
    logits = None if panel.inception is None else panel.inception.extract(images)[1]
    return _scores(study, base, (request,), (0,), (TargetScores(posteriors, logits=logits),))


def _score(study: Study, folder: Path, base: Record, translate: Translate) -> list[Record]:
    """Scores, samples and records of a translator that gives all that is asked for."""
    targets = _targets(study, f"{base.method} {base.level}".strip(), translate, study.test)
    _write_samples(study, folder, translate)
    nothing = (0,) * len(study.test.requests)
    return _keep(study, folder, _scores(study, base, study.test.requests, nothing, targets))


def _targets(study: Study, label: str, translate: Translate, test: TestSet) -> tuple[TargetScores, ...]:
    """Scores of each target's translations, with their progress shown."""
    with study.screen.task(f"scoring {label}", sum(len(r.positions) for r in test.requests)) as task:
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            task.update(done)

        batch_size = study.settings.scoring.batch_size
        return score(translate, test, study.source.attributes, study.panel, batch_size, advance)


def _write_samples(
    study: Study,
    folder: Path,
    translate: Translate,
    has: Callable[[Tensor, Sequence[Group]], Tensor] | None = None,
) -> None:
    test = study.test
    samples = make_samples(translate, test.images, test.labels, study.source.attributes, study.edits, has)
    write_samples(folder / "samples.npz", samples)


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


def _keep(study: Study, folder: Path, scores: Scores, **given: str) -> list[Record]:
    """Write scores and records; the records, written last, say that the system is done.

    Args:
        given: of translations made elsewhere, for provenance.
    """
    write_scores(folder / "scores.npz", scores)
    write_origin(folder / "origin.json", study.device, **given)
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
