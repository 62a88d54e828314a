"""One picture of photographs and of what a trained system makes of them for every group."""

from collections.abc import Sequence
from pathlib import Path

from sgbench.data.labels import all_groups
from sgbench.plan.study import find_device
from sgbench.report.grids import figure3
from sgbench.results.run_folder import RunFolder
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.global_state import own_state
from sgbench.support.screen import Screen
from sgbench.translating.asked import Pair
from sgbench.translating.naming import find_model
from sgbench.translating.pictures import check_apart, find_photos
from sgbench.translating.systems import open_system
from sgbench.translating.translation import completed_labels, known_labels, opened

_MOST_ROWS = 100
"""Photographs in one grid."""
_LONGEST = 24
"""Characters of a photograph's name in a grid."""


@own_state()
def draw_grid(
    inputs: Sequence[Path],
    model: str,
    output: Path,
    known: Sequence[Pair] = (),
    device: str = "auto",
    out: Path = Path("runs"),
    screen: Screen | None = None,
) -> Path:
    """Draw a row for each photograph: itself as the system sees it, and its result for every group.

    Args:
        inputs, model, known, device, out: as for ``translation.translate``.
        output: the PNG.

    Raises:
        UserError: as ``translate``; or there are too many photographs for one picture.
    """
    screen = screen or Screen()
    if output.suffix.lower() != ".png":
        raise UserError(f"-o {output}: a grid is one PNG; let the name end in .png")
    photos = find_photos(inputs)
    check_apart(output, photos)
    if len(photos) > _MOST_ROWS:
        raise UserError(f"{len(photos):,} photographs are too many for one grid; give at most {_MOST_ROWS}")
    with torch_threads(LOOKING):
        system = open_system(find_model(model, RunFolder(out)), find_device(device))
        labels, groups = known_labels(known, system), all_groups(system.attributes)
        rows = []
        for photo, framed in opened(photos, system, screen):
            own = completed_labels(photo, framed, system, labels, screen)
            images = [framed.image[0], *(system.edit(framed.image, own, [group])[0] for group in groups)]
            rows.append([(_short(photo.path.name), [image.permute(1, 2, 0).numpy() for image in images])])
    named = [(system.attributes[group.attribute], group.value) for group in groups]
    headings = ["Source", *(f"{attribute.title}: {attribute.shown(value)}" for attribute, value in named)]
    figure3(output, headings, rows, [1 + k for k, group in enumerate(groups) if group.value == 0])
    return output


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
