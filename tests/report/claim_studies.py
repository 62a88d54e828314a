"""Studies of systems with made scores, on which the paper's claims are decided."""

from dataclasses import replace

from many import description_of

from sgbench.results.cost import Cost
from sgbench.results.description import ReportedSystem
from sgbench.results.run_folder import RunFolder
from sgbench.results.scores import write_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.scoring.figures import make_records

SHOWN = {"sggan": "SG-GAN", "stargan": "StarGAN", "residualgan": "ResidualGAN"}


def study_of(root, own, attributes, name="claims", **more):
    """A study of systems with made scores, ready to be reported."""
    runs, controls, reported = RunFolder(root), [], []
    for system in own:
        scores = system.read()
        place = "-".join(filter(None, (system.method, system.level, system.variant, str(max(system.seed, 0)))))
        origin = "measured" if system.method in SHOWN else "control"
        scores = replace(scores, base=replace(scores.base, system=place, seed=max(system.seed, 0), origin=origin))
        folder = runs.system(place)
        write_scores(folder.scores_file, scores)
        folder.write_cost(Cost(None, None, None, None, "not run here"))
        folder.write_records(make_records(scores))
        if system.method in SHOWN:
            reported.append(ReportedSystem(place, system.method, SHOWN[system.method]))
        else:
            controls.append(place)
    description = description_of(
        title="claims",
        attributes={name: name.replace("_", " ").capitalize() for name in attributes},
        controls=tuple(controls),
        systems=tuple(reported),
        num_resamples=10,
        num_seeds=2,
    )
    study = StudyFolder(runs.study(name))
    study.write_description(replace(description, **more))
    return study
