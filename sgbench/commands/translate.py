"""``sgbench translate``: photographs of the user's, translated by a trained model."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import add_model_option, add_run_folder_option, pair, path
from sgbench.support.errors import UserError


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench translate",
        description="Translate photographs by a trained model: cropped as in its training, one result each.",
        closing="A model is named STUDY:METHOD, the study by its folder among all runs or by a path, such as "
        "elsewhere/quick-500:sggan. If the study has several models of the method, @LEVEL or @LEVEL/SEED says which. "
        "The folder of a job, such as runs/jobs/JOB, is a model too. Results have the size of the model's images; "
        "--paste puts them back into the photographs. JPEG changes pixels, PNG does not.",
        examples=(
            "sgbench translate photo.jpg --model quick-500:sggan --to smile=yes --to hair_color=blond -o out.png",
            "sgbench translate photos/ --model quick-all-500:stargan@500/1 --from gender=male --grid -o grid.png",
        ),
    )
    p.add_argument("inputs", nargs="+", type=path, metavar="PHOTO", help="photographs, or folders of them")
    p.add_argument(
        "--to",
        action="append",
        type=pair,
        default=[],
        metavar="ATTRIBUTE=VALUE",
        help="what to translate to, such as smile=yes; several are applied in the order given",
    )
    p.add_argument("--grid", action="store_true", help="one picture of every photograph and all values it can take")
    p.add_argument(
        "--from",
        action="append",
        dest="known",
        type=pair,
        default=[],
        metavar="ATTRIBUTE=VALUE",
        help="what the photographs show, for a method that reads it; by default it guesses",
    )
    p.add_argument("--paste", action="store_true", help="put each result back at its place in the photograph")
    p.add_argument(
        "-o", "--output", type=path, required=True, metavar="FILE", help="the result, or a folder for several"
    )
    add_model_option(p)
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default: auto)")
    add_run_folder_option(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Translate; returns 0, 2 on bad input (one line says what is wrong and how to fix it), 130 when interrupted."""
    return execute(parser(), _translate, argv)


def _translate(arguments: argparse.Namespace) -> int:
    if not arguments.model:
        raise UserError("--model is missing: name a trained model, such as quick-500:sggan, or a job's folder")
    if arguments.grid and (arguments.to or arguments.paste):
        raise UserError("--grid shows every value and pastes nothing: leave out --to and --paste, or --grid")
    if not arguments.grid and not arguments.to:
        raise UserError("--to is missing: say what to translate to, such as --to smile=yes; or --grid for all there is")

    from sgbench.support.screen import Screen

    screen = Screen()
    named = {
        "model": arguments.model,
        "known": arguments.known,
        "device": arguments.device,
        "out": arguments.out,
        "screen": screen,
    }
    if arguments.grid:
        from sgbench.translating.grid import draw_grid

        written = [draw_grid(arguments.inputs, output=arguments.output, **named)]
    else:
        from sgbench.translating.translation import translate

        written = translate(arguments.inputs, output=arguments.output, to=arguments.to, paste=arguments.paste, **named)
    for file in written:
        screen.result(str(file))
    return 0
