"""What a report says in words: what the study was, and how its figures are to be read."""

from sgbench.data.labels import HIDDEN
from sgbench.judging import judge_facts
from sgbench.study import Study


def facts(study: Study) -> dict[str, object]:
    """What the study was."""
    settings, plan = study.settings, study.plan
    size = settings.data.image_size
    jobs = {
        e.cls.display_name + (f", {e.variant}" if e.variant else ""): f"{e.settings.iterations:,} iterations of batch "
        f"{e.settings.batch_size}; labels a value: {', '.join(map(str, settings.levels_of(e)))}"
        + ("; a model for each attribute" if e.cls.one_attribute else "")
        for e in settings.methods
    }
    return (
        {"Data": f"{study.source.name}, {size}x{size}, {len(plan.train):,} training and {len(plan.test):,} test images"}
        | ({"Seeds": ", ".join(map(str, settings.seeds))} if jobs else {})
        | jobs
        | {"Judges": _judges(study)}
    )


def _judges(study: Study) -> str:
    told = []
    for own_hash in study.judge_hashes:
        about = judge_facts(study.folders.judges, own_hash)
        if not about:
            told.append("no longer kept")
            continue
        twins = f", {about['left out']:,} left out as twins of test images" if about["left out"] else ""
        told.append(f"{about['architecture']} ({about['sha256'][:12]}), {about['training images']:,} images{twins}")
    return "; ".join(told)


def study_notes(study: Study, left_out: dict[str, int]) -> list[str]:
    """Sentences to read the figures by.

    Args:
        left_out: for each system, how many translations were asked for and not given.
    """
    notes = [" ".join(note.split()) for note in study.settings.notes] if study.settings.methods else []
    notes += study.source.notes
    if study.settings.methods and len(study.settings.seeds) == 1:
        notes.append("One seed: an interval holds the noise of test images only, not that of training.")
    if left_out and not study.settings.methods:
        notes.append(
            "Nothing was trained here: how systems of other runs were made stands in their own reports. A model that "
            "is a function was given the test images' true labels."
        )
    notes += [
        f"{system} did not give {number:,} of the translations asked for: its figures are of the others, and only the "
        "paired comparisons hold it against other systems on the same images."
        for system, number in left_out.items()
        if number
    ]
    notes.append(
        "Background MS-SSIM follows a definition inferred from the paper's text and the code in use at the time; it is "
        "nearly blind on flat mid-grey and over-sensitive on black, so error and PSNR of the region stand beside it."
    )
    notes.append(
        "The Judge Score is the Inception Score's formula on the judge's joint posterior. It is not an Inception Score."
    )
    notes.append(
        "Scores grow with the number of images, and a calibration error falls: their intervals hold what as many other "
        "images would give, not what ever more would."
    )
    reading = [e.cls.display_name for e in study.settings.methods if e.cls.needs_source_labels]
    if reading:
        notes.append(
            f"{', '.join(dict.fromkeys(reading))} is given the test images' true labels of the attributes that are not "
            f"the target ({_guessed(study)}); the other methods see no label at test."
        )
    single = [e.cls.display_name for e in study.settings.methods if e.cls.one_attribute]
    if single:
        notes.append(
            f"{', '.join(single)} trains a model for each attribute ({len(study.source.attributes)} here) and uses "
            "labelled images only."
        )
    return notes


def _guessed(study: Study) -> str:
    """How many translations had to be made with a label that nobody knows."""
    asked = guessed = 0
    for target in range(len(study.source.attributes)):
        own = study.test_labels[study.test_labels[:, target] >= 0]
        asked += len(own)
        guessed += int((own == HIDDEN).any(1).sum())
    if not guessed:
        return "all of them are known"
    return f"for {guessed:,} of {asked:,} source images of a target one was unknown, and its own classifier guessed it"
