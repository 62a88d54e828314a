"""``sgbench export``: a trained model as a program for others, or the images and labels that methods learn from."""

import argparse
import shlex
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import (
    add_data_options,
    add_model_option,
    data_options,
    data_overrides,
    given,
    levels,
    names,
    numbers,
    path,
)
from sgbench.support.errors import UserError
from sgbench.support.paths import user_path


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench export",
        description="Write a trained model as ONNX or as a program of torch.export, compared with the model before it "
        "is kept; or training images with their sparse labels.",
        closing="A program takes images float32 [n, 3, S, S] in [-1, 1] and gives the results of all groups, "
        "[n, groups, 3, S, S]; sgbench evaluate scores it. --sparse, --seeds and options of data go with --training; "
        "its --config may be the folder of a study, such as runs/quick-500.",
        examples=(
            "sgbench export --model quick-500:sggan -o sggan.onnx sggan.pt2",
            "sgbench export --training --config quick --sparse 500 --seeds 0 -o faces-500/",
        ),
    )
    what = p.add_mutually_exclusive_group()
    add_model_option(what)
    what.add_argument("--training", action="store_true", help="export images and labels instead of a model")
    p.add_argument(
        "-o",
        "--output",
        nargs="+",
        type=path,
        required=True,
        metavar="FILE",
        help=".onnx, .pt2, or both; a folder for --training",
    )
    p.add_argument(
        "--methods",
        type=names,
        metavar="NAME",
        help="with --training: the method whose labels are exported, where a study's methods have other ones",
    )
    p.add_argument("--sparse", type=levels, metavar="K", help="labels per value: a number, or all")
    p.add_argument("--seeds", type=numbers, metavar="N", help="the seed of the sparse labels")
    add_data_options(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Export; returns 0, 2 on bad input (one line says what is wrong and how to fix it), 130 when interrupted."""
    return execute(parser(), _export, argv)


def _export(arguments: argparse.Namespace) -> int:
    if arguments.training:
        return _training(arguments)
    if not arguments.model:
        raise UserError("nothing to export: give --model, such as --model quick-500:sggan, or --training")
    chosen = arguments.methods or arguments.sparse or arguments.seeds
    if data_options(arguments) or arguments.config != "quick" or chosen:
        raise UserError(
            "options of data, methods, levels and seeds go with --training: a trained model has its own; leave them out"
        )

    from sgbench.exporting.models import export_model
    from sgbench.support.screen import Screen

    screen = Screen()
    for file in export_model(arguments.model, arguments.output, arguments.out, screen):
        screen.result(str(file))
    return 0


def _training(arguments: argparse.Namespace) -> int:
    if len(arguments.output) > 1:
        raise UserError("-o: --training writes one folder; name one")

    from sgbench.exporting.training_set import export_training
    from sgbench.results.study_folder import StudyFolder
    from sgbench.settings.config_files import find_config
    from sgbench.settings.layers import merge, read_layers
    from sgbench.settings.reading import read_settings
    from sgbench.support.screen import Screen

    study = StudyFolder(user_path(arguments.config))
    config = study.settings_file if study.was_planned() else find_config(arguments.config)
    methods = arguments.methods or (None if merge(read_layers(config)).values.get("methods") else [])
    top = given({"levels": arguments.sparse, "seeds": arguments.seeds}) | {"methods": methods}
    settings = read_settings(config, top, data_overrides(arguments))
    named = str(config) if study.was_planned() else arguments.config
    options = shlex.join(["--config", named, *data_options(arguments)])
    screen = Screen()
    table = export_training(settings, arguments.output[0], options, arguments.out, screen)
    screen.result(str(table))
    return 0
