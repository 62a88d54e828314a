"""What made a study's figures: versions, device, seeds, hashes of data, labels and weights, commit, definitions."""

import hashlib
import platform
from collections.abc import Sequence
from typing import Any

import sgbench
from sgbench.environment import commit, device_name, packages, read_origin
from sgbench.features.embedding import load_embedder
from sgbench.job import job_origin
from sgbench.judging import judge_facts
from sgbench.protocol import VERSIONS
from sgbench.records import NO_SEED, Record
from sgbench.study import SCORING_VERSION, Study
from sgbench.weights import checked


def provenance(study: Study, records: Sequence[Record]) -> dict[str, Any]:
    """Everything that a reader needs to make the figures again, as JSON values.

    Commit, packages and device at the top are those of the report; each judge, job and system has its own, for it may
    have been made earlier.

    Args:
        records: all that the report is made of.
    """
    scoring = study.settings.scoring
    systems = dict.fromkeys(record.system for record in records)
    weights: dict[str, Any] = {"inception": study.inception_weights.sha256 or None}
    if scoring.lpips:
        weights["lpips backbone"] = checked(scoring.lpips.path)[1]
    if scoring.embedder:
        weights["embedder"] = load_embedder(scoring.embedder, study.device).sha256
    return {
        "sgbench": sgbench.__version__,
        "commit": commit(),
        "protocol": {"version": SCORING_VERSION, "hash": study.protocol_hash},
        "packages": packages(),
        "device": device_name(study.device),
        "machine": platform.machine(),
        "seeds": sorted({r.seed for r in records if r.origin == "measured"} - {NO_SEED}),
        "data": {
            "name": study.source.name,
            "sha256": study.source.fingerprint,
            "labels sha256": hashlib.sha256(study.source.labels.numpy().tobytes()).hexdigest(),
            "training images": len(study.plan.train),
            "test images": len(study.plan.test),
        },
        "labels": {job.name: job.labels.manifest["sha256"] for job in study.plan.jobs},
        "jobs": {job.name: job_origin(job, study.folders) for job in study.plan.jobs},
        "systems": {name: read_origin(study.folders.system(name) / "origin.json") for name in systems},
        "judges": [judge_facts(study.folders.judges, own) for own in study.judge_hashes],
        "weights": weights,
        "metrics": metrics(records),
    }


def metrics(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The definitions of each metric in records, which fix its protocol, and the version of its code."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.metric, set()).add(record.definition)
    return {
        metric: {"version": VERSIONS.get(metric, 1), "definitions": sorted(own)}
        for metric, own in sorted(found.items())
    }
