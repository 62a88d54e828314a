"""What a report says in words: what the study was, and how its figures are to be read."""

from collections.abc import Iterable

from sgbench.data.labels import HIDDEN
from sgbench.plan.study import Study
from sgbench.settings.models import MethodEntry
from sgbench.support.errors import one_line


def facts(study: Study) -> dict[str, str]:
    """What the study was."""
    settings, plan = study.settings, study.plan
    size = settings.data.image_size
    jobs = {
        e.cls.display_name
        + (f", {e.shown_variant}" if e.shown_variant else ""): f"{e.settings.iterations:,} iterations of batch "
        f"{e.settings.batch_size}; labels per value: {', '.join(map(str, settings.levels_of(e)))}"
        + ("; a model for each attribute" if e.cls.one_attribute else "")
        for e in settings.methods
    }
    source, scored = plan.source.name, settings.data.scored_on
    return (
        {"Data": f"{source}, {size}x{size}, {len(plan.train):,} training and {len(plan.test):,} {scored} images"}
        | ({"Seeds": ", ".join(map(str, settings.seeds))} if jobs else {})
        | jobs
        | ({"Changed": "; ".join(settings.changed)} if settings.changed else {})
        | {"Judges": _judges(study)}
        | {"Computed in": f"{settings.precision}; judges in {settings.judge.precision}, {settings.jury.precision}"}
    )


def notes(study: Study, has_systems: bool) -> list[str]:
    """Sentences to read the figures by.

    Args:
        has_systems: whether the report has systems; without any it is of the judges and controls alone.
    """
    settings = study.settings
    trained = settings.methods
    found = [one_line(note) for note in settings.notes] if trained else []
    found += study.plan.source.notes
    if settings.data.scored_on == "validation":
        found.append(
            "What is called test images here are validation images: a part of the training images, kept from all that "
            "this study trained, to choose settings by. A method trained elsewhere may have seen them."
        )
    if trained and len(settings.seeds) == 1:
        found.append(
            "One seed: an interval holds what other test images and, of accuracy by the jury, other judges would give; "
            "nothing is known of another training."
        )
    if has_systems and not trained:
        found.append(
            "Nothing was trained here: how systems of other runs were made stands in their own reports. A model that "
            "is a function was given the test images' true labels."
        )
    found.append(
        "Background MS-SSIM follows a definition inferred from the paper's text and the code in use at the time; it is "
        "nearly blind on flat mid-grey and over-sensitive on black, so error and PSNR of the region stand beside it."
    )
    found.append(
        f"Accuracy is the mean over all results and those of a jury of {settings.jury.size} judges that see an "
        "attribute well enough. The paper's protocol has a single ResNet-18: the tables of its protocol, and the Judge "
        "Score, are by that judge alone."
    )
    found.append(
        "The Judge Score is the Inception Score's formula on the judge's joint posterior. It is not an Inception Score."
    )
    found.append(
        "Scores grow with the number of images, and a calibration error falls: their intervals are for test sets of "
        "this size, not for ever more images."
    )
    reading = [e.cls.display_name for e in trained if e.source_labels == "true"]
    if reading:
        found.append(
            f"{', '.join(dict.fromkeys(reading))} is given the test images' true labels ({_guessed(study)}); the other "
            "methods see no label at test."
        )
    guessing = [e for e in trained if e.source_labels == "guessed"]
    if guessing:
        found.append(
            f"{_names(guessing)} is given no label at test: it guesses those of the source image with its own "
            "classifier."
        )
    stronger = [e for e in trained if "strength" in e.at_test]
    if stronger:
        found.append(
            f"{_names(stronger)} is told at test to change more or less than in training, by the factor that its name "
            "gives."
        )
    single = [e.cls.display_name for e in trained if e.cls.one_attribute]
    if single:
        found.append(
            f"{', '.join(single)} trains a model for each attribute ({len(study.plan.attributes)} here) and uses "
            "labelled images only."
        )
    return found


def _names(entries: Iterable[MethodEntry]) -> str:
    """Methods by name and variant, each once."""
    shown = (e.cls.display_name + (f" ({e.shown_variant})" if e.shown_variant else "") for e in entries)
    return ", ".join(dict.fromkeys(shown))


def _judges(study: Study) -> str:
    told = []
    for seat in study.protocol.judges:
        about = study.runs.judge(seat.key).facts()
        if not about:
            told.append("no longer kept")
            continue
        twins = f", {about['left out']:,} left out as twins of test images" if about["left out"] else ""
        name = f"{about['architecture']}, seed {seat.settings.seed}"
        told.append(f"{name} ({about['sha256'][:12]}), {about['training images']:,} images{twins}")
    return "; ".join(told)


def _guessed(study: Study) -> str:
    """How many translations had to be made with a label that nobody knows."""
    asked = guessed = 0
    labels = study.plan.test_labels
    for target in range(len(study.plan.attributes)):
        sources = labels[labels[:, target] >= 0]
        asked += len(sources)
        guessed += int((sources == HIDDEN).any(1).sum())
    if not guessed:
        return "all of them are known"
    return f"for {guessed:,} of {asked:,} source images of a target one was unknown, and its own classifier guessed it"
