"""``python -m sgbench.pack``: decode a data set's images once, ahead of a run, or check those that were."""

import argparse
import sys
from collections.abc import Sequence

from sgbench.command import Parser, add_data_options, data_overrides, execute


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="python -m sgbench.pack",
        description="Decode a data set's images to 8 bits once; sgbench.run with the same --out and data finds them.",
        epilog="Interrupted, the same command goes on where it was.",
    )
    add_data_options(p)
    p.add_argument("--verify", action="store_true", help="read every packed image again and compare checksums")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Pack; returns 0, 2 on bad input (one line says what and how to mend it), 130 when interrupted."""
    return execute(parser(), _pack, argv)


def _pack(arguments: argparse.Namespace) -> int:
    from sgbench.config_files import find_config
    from sgbench.data.store import open_store, store_folder, verify_store
    from sgbench.plan import Folders
    from sgbench.screen import Screen
    from sgbench.settings import read_settings
    from sgbench.study import Study

    settings = read_settings(find_config(arguments.config), {"methods": []}, data_overrides(arguments))
    study = Study(settings, Folders(arguments.out), Screen())
    source, cache, screen = study.source, study.folders.store, study.screen
    folder = store_folder(source, cache)
    if arguments.verify:
        with screen.task("checking", len(source.ids), "images") as task:
            number = verify_store(folder, lambda done, total: task.update(done))
        screen.say(f"{folder}: {number:,} images are as they were packed")
        return 0
    with screen.task("packing", len(source.ids), "images") as task:
        images = open_store(source, cache, lambda done, total: task.update(done))
    size = sum(file.stat().st_size for file in folder.iterdir())
    screen.say(f"{folder}: {len(images):,} images of {images.shape[-1]}x{images.shape[-1]}, {size / 2**20:,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
