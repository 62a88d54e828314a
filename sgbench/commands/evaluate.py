"""``sgbench evaluate``: scores a submission by a study's protocol, without training."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import (
    add_data_options,
    add_place_options,
    add_scoring_options,
    add_set_option,
    data_overrides,
    jury_overrides,
    number,
    path,
    scoring_overrides,
)
from sgbench.support.errors import UserError


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench evaluate",
        description="Score a submission, a system made elsewhere, by a study's protocol, and write a report.",
        closing="Start with --write-requests DIR: it writes the test images and the list of requests.",
        examples=(
            "sgbench evaluate --write-requests elsewhere/",
            "sgbench evaluate elsewhere/ --name MyGAN --compare runs/quick-500",
            "sgbench evaluate my_package.mygan:translate --name MyGAN --level 500",
        ),
    )
    p.add_argument(
        "results",
        nargs="?",
        metavar="RESULTS",
        help="folder or zip of images with results.csv; .npz or .safetensors; .pt2 or .onnx; package.module:function",
    )
    p.add_argument("--name", default="", metavar="NAME", help="name of the method in the report")
    p.add_argument("--level", default="", metavar="K", help="labels per value that the method was trained with, or all")
    p.add_argument("--seed", type=number, metavar="N", help="seed that it was trained with, if there are several")
    p.add_argument(
        "--compare",
        nargs="+",
        type=path,
        default=[],
        metavar="RUN",
        help="studies to compare with, such as runs/quick-500",
    )
    p.add_argument(
        "--write-requests", type=path, metavar="DIR", help="only write the test images and the list of requests"
    )
    add_data_options(p)
    add_scoring_options(p)
    add_set_option(p)
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to score (default: the config's, auto)")
    add_place_options(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; returns 0, 2 on bad input (one line says what is wrong and how to fix it), 130 when interrupted."""
    return execute(parser(), _evaluate, argv)


def _evaluate(arguments: argparse.Namespace) -> int:
    if not arguments.results and not arguments.write_requests:
        raise UserError("nothing to evaluate: give RESULTS, or --write-requests DIR; --help lists the options")
    if arguments.results and arguments.write_requests:
        raise UserError(
            "--write-requests writes what is asked for and scores nothing: leave RESULTS out, or the option"
        )
    if arguments.results and not arguments.name:
        raise UserError("--name is missing: give the method a name for the report")
    scoring = scoring_overrides(arguments)

    from sgbench.submissions.evaluation import evaluate, open_evaluation, write_inputs
    from sgbench.support.screen import Screen

    screen = Screen()
    about = {
        "config": arguments.config,
        "data": data_overrides(arguments),
        "scoring": scoring,
        "jury": jury_overrides(arguments),
        "changes": arguments.changed,
        "device": arguments.device,
        "out": arguments.out,
        "screen": screen,
    }
    if arguments.write_requests:
        table = write_inputs(arguments.write_requests, open_evaluation(name="requests", **about))
        screen.result(f"requests: {table}")
        return 0
    method = {"name": arguments.name, "level": arguments.level, "seed": arguments.seed}
    place = {"wait": arguments.wait, "replace": arguments.replace}
    done = evaluate(arguments.results, **method, compare=arguments.compare, **place, **about)
    screen.result(f"report: {done.report} (for a browser: {done.report.with_name('index.html')})")
    return 0
