"""The images of a study with the labels that one level and seed reveal, as files that any program reads.

They are what methods of the study learn from: ``labels.csv`` has a row for each image, a blank where a label is hidden,
and ``train`` or ``test`` in the column ``split``; test images have all their labels. ``sgbench run --data labels.csv``
reads it.
"""

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from sgbench.data.labels import HIDDEN, NONE, Attribute, SparseLabels
from sgbench.data.sources.folder_table import NONE_CELL, SPLIT
from sgbench.data.store.packed import PackedImages, open_store
from sgbench.plan.plan import Plan, make_plan
from sgbench.plan.study import open_source
from sgbench.results.checksums import CHECKSUMS, write_checksums
from sgbench.results.run_folder import RunFolder
from sgbench.settings.models import Settings
from sgbench.support.atomic import partial_folder
from sgbench.support.environment import commit
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign, own_state
from sgbench.support.names import file_part
from sgbench.support.screen import Screen
from sgbench.support.strict import yaml_text

TABLE, MANIFEST, README = "labels.csv", "manifest.yaml", "README.txt"
_KEY = "image"
_MOST = 100
"""Characters of a part of a path."""
_AT_ONCE = 256
"""Images that are read and written together."""


@own_state()
def export_training(
    settings: Settings, folder: Path, options: str, out: Path = Path("runs"), screen: Screen | None = None
) -> Path:
    """Write training and test images with the labels of the settings' only level and seed; returns the table's path.

    The labels are those that every method of the settings learns from, or the study's own where it has no methods.

    Args:
        folder: where they go; it is made, whole or not at all.
        options: of the command line that choose the same data, for the README.
        out: the folder of all runs, in which decoded images are kept.

    Raises:
        UserError: there are several levels or seeds, methods learn from labels that are balanced differently, the
            folder is not empty, or of the data.
    """
    screen = screen or Screen()
    settings = _of_one_method(settings)
    if len(settings.levels) > 1 or len(settings.seeds) > 1:
        raise UserError("one level and one seed are exported at a time: choose them, such as --sparse 500 --seeds 0")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"-o {folder}: is there and not empty; give a new folder")
    commit()
    plan = make_plan(settings, open_source(settings, screen))
    _check_cells(plan.attributes)
    (level,), (seed,) = settings.levels, settings.seeds
    labels = plan.revealed(level, seed)
    guard = foreign(f"data set {plan.source.name}")
    with screen.task("images", len(plan.source.ids), "images") as task, guard:
        images = open_store(plan.source, RunFolder(out).store, lambda done, total: task.update(done))
    files = _files(plan)
    with partial_folder(folder) as partial:
        with screen.task("writing", len(files), "images") as task:
            _write_images(images, files, partial, task.advance)
        (partial / TABLE).write_text(_table(plan, labels, files), encoding="utf-8")
        (partial / MANIFEST).write_text(_manifest(plan, labels), encoding="utf-8")
        (partial / README).write_text(_readme(plan, labels, options), encoding="utf-8")
        write_checksums(partial, [])
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    return folder / TABLE


def _of_one_method(settings: Settings) -> Settings:
    """The same study without methods, with the levels and the balanced attributes that all its methods have."""
    levels = {settings.levels_of(entry) for entry in settings.methods}
    balanced = {settings.balanced_of(entry) for entry in settings.methods}
    chosen = levels.pop() if len(levels) == 1 else settings.levels
    if len(balanced) > 1 and "all" in chosen:
        names = "; ".join(
            f"{entry.key} by {', '.join(settings.balanced_of(entry)) or 'nothing'}" for entry in settings.methods
        )
        raise UserError(
            f"the study's methods learn from labels that are balanced differently ({names}): choose one with --methods"
        )
    own = balanced.pop() if len(balanced) == 1 else settings.balanced
    return settings.model_copy(update={"methods": (), "levels": chosen, "balanced": own})


def _check_cells(attributes: tuple[Attribute, ...]) -> None:
    """Refuse names that the table could not tell from its own."""
    for attribute in attributes:
        taken = [value for value in attribute.values if value.lower() == NONE_CELL]
        if attribute.name in (SPLIT, _KEY) or taken:
            name = f"{attribute.name}={taken[0]}" if taken else attribute.name
            raise UserError(f"{name}: is a word of the table itself; rename it in the data")


def _files(plan: Plan) -> dict[int, str]:
    """Position of each training and test image -> its path below the folder."""
    parts = (("train", plan.train), ("test", plan.test))
    return {
        i: f"{part}/{i:06d}-{file_part(Path(plan.source.ids[i]).stem, _MOST)}.png"
        for part, positions in parts
        for i in positions.tolist()
    }


def _write_images(
    images: PackedImages, files: dict[int, str], folder: Path, advance: Callable[[float], object]
) -> None:
    for part in ("train", "test"):
        (folder / part).mkdir()

    def write(pixels: torch.Tensor, name: str) -> None:
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / name, format="PNG")

    positions = torch.tensor([*files])
    with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
        for some in positions.split(_AT_ONCE):
            list(pool.map(write, images[some], [files[i] for i in some.tolist()]))
            advance(len(some))


def _table(plan: Plan, labels: SparseLabels, files: dict[int, str]) -> str:
    revealed = dict(zip(plan.train.tolist(), labels.labels.tolist(), strict=True))
    known = revealed | dict(zip(plan.test.tolist(), plan.test_labels.tolist(), strict=True))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_KEY, *(attribute.name for attribute in plan.attributes), SPLIT])
    for i, name in files.items():
        cells = [_cell(attribute, value) for attribute, value in zip(plan.attributes, known[i], strict=True)]
        writer.writerow([name, *cells, "train" if i in revealed else "test"])
    return text.getvalue()


def _cell(attribute: Attribute, label: int) -> str:
    return {HIDDEN: "", NONE: NONE_CELL}.get(label) if label < 0 else attribute.values[label]


def _manifest(plan: Plan, labels: SparseLabels) -> str:
    about = {
        "data": plan.source.name,
        "fingerprint": plan.source.fingerprint,
        "image_size": plan.settings.data.image_size,
        "train": len(plan.train),
        "test": len(plan.test),
        "attributes": {attribute.name: list(attribute.values) for attribute in plan.attributes},
        "labels": labels.manifest,
        "commit": commit(),
    }
    return yaml_text(about)


def _readme(plan: Plan, labels: SparseLabels, options: str) -> str:
    level, seed = labels.manifest["level"], labels.manifest["seed"]
    train, test, shared = f"{len(plan.train):,}", f"{len(plan.test):,}", ""
    if not plan.settings.scoring.figure_people:
        shared = "\nThe config says of these images that they may not be passed on.\n"
    return f"""Images of the study '{plan.settings.study}' with the labels that --sparse {level} and seed {seed} reveal.

{TABLE}     a row for each image; a blank is a label that is hidden, none is none of the values
train/         the {train} images to learn from, most of whose labels may be hidden
test/          the {test} images that are scored, with their labels: not to learn from, nor to choose settings by
{MANIFEST}  which values there are and in which order, how many labels of each, and their SHA-256
{CHECKSUMS}     of every file: sha256sum -c {CHECKSUMS}
{shared}
To score a method that was trained on train/:

  sgbench evaluate --write-requests asked/ {options}
  # put each result where asked/requests.csv says, and rename it results.csv
  sgbench evaluate asked/ --name NAME --level {level} --seed {seed} {options}

or give the method itself, as package.module:function, .pt2 or .onnx, in the place of asked/.
"""
