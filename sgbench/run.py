"""``sgbench run``: train, score and report the methods of a study with one command. The main job, stage by stage."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import (
    add_data_options,
    add_launching_options,
    add_place_options,
    add_scoring_options,
    add_set_option,
    data_overrides,
    given,
    jury_overrides,
    launching_overrides,
    levels,
    names,
    number,
    numbers,
    scoring_overrides,
)
from sgbench.support.ending import end
from sgbench.support.errors import UserError

if TYPE_CHECKING:
    from sgbench.launching.kept_models import Choice
    from sgbench.plan.study import Study
    from sgbench.report.making import Report
    from sgbench.settings.models import Settings
    from sgbench.studies.stages import Stages

STAGES = ("prepare data", "train judges", "train jobs", "score systems", "write the report")


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench run",
        description="Train, score and report methods of facial attribute manipulation when labels are scarce.",
        closing="Options that are not given are taken from the config. The same command again resumes what was "
        "interrupted and repeats nothing that is done.",
        examples=(
            "sgbench run --methods sggan,stargan,residualgan --sparse 500",
            "sgbench run --data path/to/celeba --image-size 64 --sparse all,500 --seeds 0,1,2",
            "sgbench run --config miniature --experiment paper --plan",
        ),
    )
    p.add_argument(
        "--methods",
        type=_methods,
        metavar="A,B",
        help="methods of the config, or package.module:Class; none for the judges and the controls alone",
    )
    p.add_argument("--sparse", type=levels, metavar="K,..", help="labels per value: numbers, or all")
    p.add_argument("--study", metavar="NAME", help="name of the report's folder (default: the config's)")
    p.add_argument("--seeds", type=numbers, metavar="0,1", help="seeds of sparse labels and training")
    p.add_argument(
        "--experiment",
        type=names,
        metavar="A,B",
        help="tables and figures of the paper (table1 to table3, figure3 to figure6, paper for all), budget or "
        "ablations; then "
        "--methods, --sparse and --seeds choose among their systems",
    )
    p.add_argument("--people", type=names, metavar="ID,ID", help="test images whose translations are shown")
    p.add_argument(
        "--plan", action="store_true", help="print jobs, systems, what is done, and what is left will take; then stop"
    )
    p.add_argument("--json", action="store_true", help="with --plan: print for programs, an object")
    add_data_options(p)
    add_set_option(p)
    p.add_argument(
        "--iterations", type=number, metavar="N", help="train every method for N iterations; schedules keep their shape"
    )
    add_scoring_options(p)
    add_launching_options(p)
    add_place_options(p)
    p.add_argument(
        "--unscored", action="store_true", help="train even where the judges are too weak for any accuracy to be scored"
    )
    unusable = p.add_mutually_exclusive_group()
    unusable.add_argument(
        "--retrain",
        action="store_const",
        dest="choice",
        const="retrain",
        help="train models again whose code has changed or whose files are broken",
    )
    unusable.add_argument(
        "--keep",
        action="store_const",
        dest="choice",
        const="keep",
        help="keep models whose code has changed, and all that was scored of them",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns 0, 2 on bad input (one line says what and how to mend it), 130 when interrupted."""
    return execute(parser(), _run, argv)


def run_study(
    study: "Study",
    choice: "Choice | None" = None,
    wait: bool = False,
    replace: bool = False,
    unscored: bool = False,
) -> "Report":
    """Carry out a study: what is done already, by an earlier run or another study, is not done again.

    Args:
        choice: what to do with models that were trained before and cannot be used, or whose code has changed.
        wait: for another process that is at this study, instead of refusing.
        replace: take the place of a study of this name that has other settings or systems, instead of refusing.
        unscored: train even if the judges are so weak that no attribute will have an accuracy, instead of refusing.

    Raises:
        UserError: another process is at this study, a model cannot be used, an image cannot be read, ...
        KeyboardInterrupt: interrupted; the same call goes on where it was.
    """
    from sgbench.studies.place import taken
    from sgbench.studies.stages import Stages
    from sgbench.support.global_state import own_state

    with own_state(), taken(study, wait, replace) as tell:
        return _stage_by_stage(study, choice, unscored, Stages(study.screen, STAGES, tell))


def _stage_by_stage(study: "Study", choice: "Choice | None", unscored: bool, stages: "Stages") -> "Report":
    from sgbench.launching.kept_models import settle_models
    from sgbench.launching.launch import check_launcher, train_jobs
    from sgbench.report.console import show
    from sgbench.report.making import make_report
    from sgbench.scoring.kept import settle_kept
    from sgbench.scoring.stages import prepare_data, train_judges
    from sgbench.scoring.systems import score_systems
    from sgbench.studies.description import describe, trained_systems, write_intent
    from sgbench.studies.provenance import keep_runtime
    from sgbench.trials.dry_step import try_methods

    settle_kept(study)
    settle_models(study, choice)
    was_scored = study.is_scored()
    if not was_scored:
        with stages.stage("prepare data"):
            check_launcher(study)
            data = prepare_data(study)
            try_methods(study, data.images)
    write_intent(study)  # nothing is refused any more, but for judges that see nothing
    if not was_scored:
        with stages.stage("train judges"):
            jury = train_judges(study, data, needed=study.trains() and not unscored)
        with stages.stage("train jobs"):
            train_jobs(study, data.images)
        with stages.stage("score systems"):
            score_systems(study, data, jury)
    with stages.stage("write the report"):
        study.folder.write_description(describe(study, trained_systems(study)))
        report = make_report(study.folder)
    show(report.frame, report.layout, study.screen.output)
    for remark in report.remarks:
        study.screen.say(remark)
    keep_runtime(study, report.records, {} if was_scored else stages.seconds)
    return report


def _run(arguments: argparse.Namespace) -> int:
    if arguments.json and not arguments.plan:
        raise UserError("--json: a run prints its tables and where the report is; it goes with --plan alone")
    config, wanted = _settings(arguments)  # a wrong name is told before anything heavy is imported

    from sgbench.plan.study import open_study
    from sgbench.support.screen import Screen

    screen = Screen()
    studies = [open_study(settings, arguments.out, screen) for settings in wanted]
    if arguments.plan:
        from sgbench.launching.told_plans import tell_plan

        tell_plan(studies, screen, arguments.json)
        return 0
    if arguments.experiment:
        from sgbench.experiments.parts import part_studies
        from sgbench.report.overview import check_free, join

        check_free(studies[0].folder.runs.overview(config), config)
    for study in studies:
        report = run_study(study, arguments.choice, arguments.wait, arguments.replace, arguments.unscored)
        screen.result(f"report: {report.page} (for a browser: {study.folder.report.index})")
    if arguments.experiment:
        page, told = join(config, part_studies(config), [study.folder for study in studies])
        if told:
            screen.say(f"warning: {told}")
        screen.result(f"all parts: {page}")
    return 0


def _settings(arguments: argparse.Namespace) -> "tuple[str, Sequence[Settings]]":
    """The name of the config's study, and the settings of each study that the arguments ask for."""
    from sgbench.settings.changes import Changes
    from sgbench.settings.config_files import find_config
    from sgbench.settings.early import check_methods

    changes = Changes(tuple(arguments.changed), arguments.iterations)
    if arguments.experiment:
        from sgbench.experiments.paper import chosen_parts

        chosen_parts(arguments.experiment)
    check_methods(arguments.config, () if arguments.experiment else arguments.methods or (), changes)
    scoring = scoring_overrides(arguments) | given({"people": arguments.people})

    from sgbench.settings.reading import read_settings

    top = _overrides(arguments) | {"scoring": scoring, "jury": jury_overrides(arguments)}
    config, data = find_config(arguments.config), data_overrides(arguments)
    if not arguments.experiment:
        settings = read_settings(config, top, data, changes)
        return settings.study, [settings]

    from sgbench.experiments.parts import Filter, part_settings

    wanted = Filter(arguments.methods, arguments.sparse, arguments.seeds)
    top = {key: value for key, value in top.items() if key not in ("methods", "levels", "seeds")}
    settings = read_settings(config, top, data, changes)
    return settings.study, part_settings(settings, arguments.experiment, wanted)


def _methods(text: str) -> list[str]:
    return [] if text == "none" else names(text)


def _overrides(arguments: argparse.Namespace) -> dict:
    """What the command line sets at the top level."""
    own = {"study": arguments.study, "methods": arguments.methods, "levels": arguments.sparse, "seeds": arguments.seeds}
    return given(own | launching_overrides(arguments))


if __name__ == "__main__":
    end(main())
