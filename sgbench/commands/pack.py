"""``sgbench pack``: decodes a data set's images once, before a run, or checks decoded images."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import add_data_options, add_set_option, data_overrides


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench pack",
        description="Decode a data set's images to 8 bits once; sgbench run with the same --out and data finds them.",
        closing="If it is interrupted, the same command continues where it stopped.",
        examples=(
            "sgbench pack --data path/to/celeba --image-size 128",
            "sgbench pack --data photos/labels.csv --attributes smile,species --verify",
        ),
    )
    add_data_options(p)
    add_set_option(p)
    p.add_argument(
        "--verify",
        action="store_true",
        help="compare every packed image with its checksum, and with the image that the data set gives now",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Pack; returns 0, 2 on bad input (one line says what is wrong and how to fix it), 130 when interrupted."""
    return execute(parser(), _pack, argv)


def _pack(arguments: argparse.Namespace) -> int:
    from sgbench.data.store.changes import check_everything
    from sgbench.data.store.packed import PackedImages, open_store, store_folder, verify_store
    from sgbench.plan.study import open_source
    from sgbench.results.run_folder import RunFolder
    from sgbench.settings.changes import Changes
    from sgbench.settings.config_files import find_config
    from sgbench.settings.reading import read_settings
    from sgbench.support.global_state import foreign
    from sgbench.support.screen import Screen

    data = data_overrides(arguments)
    settings = read_settings(find_config(arguments.config), {"methods": []}, data, Changes(tuple(arguments.changed)))
    screen, cache = Screen(), RunFolder(arguments.out).store
    source = open_source(settings, screen)
    folder = store_folder(source, cache)
    if arguments.verify:
        with screen.task("checking", len(source.ids), "images") as task:
            number = verify_store(folder, lambda done, total: task.update(done))
        images = PackedImages(folder).__getitem__
        with screen.task("comparing", len(source.ids), "images") as task, foreign(f"data set {source.name}"):
            check_everything(folder, source, images, lambda done, total: task.update(done))
        screen.result(f"{folder}: {number:,} images are as they were packed")
        return 0
    with screen.task("packing", len(source.ids), "images") as task, foreign(f"data set {source.name}"):
        images = open_store(source, cache, lambda done, total: task.update(done))
    size = sum(file.stat().st_size for file in folder.iterdir())
    screen.result(f"{folder}: {len(images):,} images of {images.shape[-1]}x{images.shape[-1]}, {size / 2**20:,.0f} MiB")
    return 0
