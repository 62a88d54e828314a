"""Scores translations made elsewhere by a study's protocol, and reports them as the main job does.

In Python::

    from sgbench.evaluation import evaluate

    evaluation = evaluate("my_package.attgan:translate", name="AttGAN")
    print(evaluation.report)
    evaluation.records[["target", "metric", "value", "low", "high"]]
"""

import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sgbench.config_files import find_config
from sgbench.entries import Entry
from sgbench.errors import UserError
from sgbench.plan import Folders
from sgbench.records import ALL, CONTROLS, NO_SEED, read_records, to_frame
from sgbench.reporting import make_report, write_runtime
from sgbench.samples import combined_edits
from sgbench.screen import Screen
from sgbench.settings import read_settings
from sgbench.study import Study, describe
from sgbench.systems import score_controls, score_results
from sgbench.translations.inputs import Inputs
from sgbench.translations.opening import open_results
from sgbench.translations.requests import write_requests


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gives.

    Attributes:
        report: the page.
        records: a row a figure, columns as ``records.Record`` has them.
    """

    report: Path
    records: pd.DataFrame


def evaluate(
    results: str | Path | Callable,
    name: str,
    level: str | int = "",
    seed: int | None = None,
    config: str = "quick",
    data: Mapping[str, Any] | None = None,
    scoring: Mapping[str, Any] | None = None,
    compare: str | Path | Sequence[str | Path] = (),
    device: str = "auto",
    out: str | Path = "runs",
    screen: Screen | None = None,
) -> Evaluation:
    """Score translations and write a report; stored translations that were scored before are not scored again.

    Args:
        results: a folder, zip, .npz, .safetensors, .pt2 or .onnx file, a callable or ``package.module:function``, as
            ``translations.opening.open_results`` takes it.
        name: of the method that made them, as shown.
        level: labels per value that it was trained with (``all``, ``500``), where that is known.
        seed: that it was trained with, where there are several; without one it is compared with every seed.
        config: whose data, attributes, test set and judges count; its methods do not.
        data: keys of the config's ``data`` to replace.
        scoring: keys of its ``scoring`` to replace (``judges``, ``inception``, ...).
        compare: folders of studies or evaluations with the same protocol, whose systems stand beside.

    Raises:
        UserError: bad input; says in one line what and how to mend it.
    """
    level = str(level)
    if level not in ("", ALL) and not (level.isdecimal() and int(level) > 0):
        raise UserError(f"level: '{level}' must be a number of labels from 1 on, or all")
    if seed is not None and seed < 0:
        raise UserError(f"seed: {seed} must be a whole number from 0 on")
    method = _method(name)
    own = " ".join([name, level, *([] if seed is None else [f"s{seed}"])])
    study = open_study(config, own, data, scoring, device, Path(out), screen)
    _check_free(study.folder)
    compared = [compare] if isinstance(compare, str | Path) else compare
    earlier = list(dict.fromkeys(entry for folder in compared for entry in earlier_entries(study, Path(folder))))
    if any(_confused(entry, method, name, level, seed) for entry in earlier):
        raise UserError(f"name: '{name}' is also a method of what it is compared with; choose another")
    inputs = Inputs(study.test_ids, study.test.images, study.test_labels, study.source.attributes)
    opened = open_results(results, inputs, study.device, study.settings.scoring.batch_size)
    if opened.unused:
        warnings.warn(
            f"{opened.given}: {opened.unused:,} results are not used: nothing asks for a value that an image has "
            "already, or of an attribute that is not known of it",
            stacklevel=2,
        )
    score_controls(study)
    folder = score_results(study, method, level, seed, opened)
    describe(study)  # not before: an earlier report of this name keeps what it was made with if scoring fails
    entries = [Entry(folder, method, name), *earlier]
    page, records = make_report(study, entries)
    write_runtime(study, records, {})
    return Evaluation(page, to_frame(records))


def write_inputs(folder: Path, study: Study) -> Path:
    """Write the test images and a table of the translations asked for, figure 3's pairs too; returns the table."""
    inputs = Inputs(study.test_ids, study.test.images, study.test_labels, study.source.attributes)
    combined = combined_edits(study.test_labels, study.source.attributes, study.edits)
    return write_requests(folder, inputs, study.test.requests, combined)


def open_study(
    config: str,
    name: str,
    data: Mapping[str, Any] | None,
    scoring: Mapping[str, Any] | None,
    device: str,
    out: Path,
    screen: Screen | None = None,
) -> Study:
    """The study of a config without its methods, in a folder named after the config and ``name``."""
    path = find_config(config)
    top = {"methods": [], "device": device, "scoring": dict(scoring or {}), "study": f"{path.stem}-{_method(name)}"}
    return Study(read_settings(path, top, dict(data or {})), Folders(out), screen or Screen())


def earlier_entries(study: Study, folder: Path) -> list[Entry]:
    """The systems of another study's folder, which must have been scored by the same protocol.

    Raises:
        UserError: no study there, or another protocol.
    """
    try:
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        entries = json.loads((folder / "report" / "entries.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no finished study there; give a folder such as runs/quick-500") from error
    foreign = [e["system"] for e in entries if not e["system"].endswith(study.protocol_hash[:8])]
    if foreign or plan.get("protocol") != study.protocol_hash:
        raise UserError(
            f"{folder}: was scored by another protocol (data, test set, judges or weights differ); use its config and "
            "the same options, or score it again"
        )
    systems = study.folders.root / "systems"
    if systems.resolve() != (folder.parent / "systems").resolve():
        raise UserError(f"{folder}: lies below another folder of runs; give --out {folder.parent}")
    return [Entry(systems / entry["system"], entry["method"], entry["shown"]) for entry in entries]


def _check_free(folder: Path) -> None:
    """Refuse to take the place of a study that was trained.

    Raises:
        UserError: there is one in the folder.
    """
    try:
        jobs = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["jobs"]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: holds something else than an evaluation; choose another name") from error
    if jobs:
        raise UserError(f"{folder}: is a study that was trained, the evaluation would replace it; choose another name")


def _confused(entry: Entry, method: str, shown: str, level: str, seed: int | None) -> bool:
    """Whether a reader would take another system for this one: a name in common that is not the same method's."""
    if (entry.method, entry.shown) == (method, shown):
        other = read_records(entry.folder / "records.csv")[0]
        return other.level == level and (seed is None or other.seed in (seed, NO_SEED))
    return bool({entry.method, entry.shown.lower()} & {method, shown.lower()})


def _method(name: str) -> str:
    """A name as records and folders have it.

    Raises:
        UserError: nothing of it fits, or it is a control's.
    """
    method = re.sub(r"[^a-z0-9._]+", "-", str(name).lower()).strip("-.")
    if not method or method in CONTROLS:
        raise UserError(f"name: '{name}' cannot name a method; give letters and digits, not {', '.join(CONTROLS)}")
    return method
