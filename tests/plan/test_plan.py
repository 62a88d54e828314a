"""Plans: jobs and systems, what their hashes depend on, and what is refused before anything is trained."""

import numpy as np
import pytest
import torch
import yaml

from sgbench.data.labels import HIDDEN, NONE, Attribute
from sgbench.data.source import Source, SourceSettings
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.metrics.catalogue import METRICS
from sgbench.plan import protocol
from sgbench.plan.plan import make_plan
from sgbench.plan.study import open_study
from sgbench.settings.reading import read_settings
from sgbench.studies.description import write_intent
from sgbench.studies.notes import facts, notes
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
GOOD = {
    "data": {
        "class": "faces",
        "num_images": 300,
        "num_test": 60,
        "image_size": 32,
        "attributes": ["gender", "hair_color", "smile"],
    },
    "levels": [5],
    "methods": {"sggan": SMALL, "stargan": SMALL, "residualgan": SMALL},
}


class Shapes(Source):
    """A data set with an attribute of three values that a quarter of the images lack."""

    name = "shapes"

    class Settings(SourceSettings):
        """How many, and whether only test images have both labels."""

        num_images: int = 100
        apart: bool = False

    def __init__(self, settings):
        offered = {
            "shape": Attribute("shape", ("round", "oval", "long"), exhaustive=False),
            "size": Attribute("size", ("small", "large")),
        }
        self.settings = settings
        self.ids = [str(i) for i in range(settings.num_images)]
        self.attributes = tuple(offered[name] for name in settings.attributes)
        values = np.random.default_rng(0).choice([0, 1, 2, NONE], (settings.num_images, 2)).astype(np.int8)
        values[:, 1] = values[:, 1] == 0
        if settings.apart:
            train, _ = self.split()
            values[train[::2], 0] = values[train[1::2], 1] = HIDDEN
        columns = [list(offered).index(name) for name in settings.attributes]
        self.labels = torch.from_numpy(values[:, columns].copy())
        self.fingerprint = f"shapes {settings.num_images} {settings.image_size}"

    def read(self, index):
        return np.full((3, self.settings.image_size, self.settings.image_size), index, np.uint8)


@pytest.fixture
def study(tmp_path):
    """A study whose config differs from a good one at the keys given."""

    def study(data=(), methods=None, **top):
        raw = GOOD | top
        raw["data"] = GOOD["data"] | dict(data)
        raw["methods"] = GOOD["methods"] if methods is None else methods
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
        return open_study(read_settings(tmp_path / "mine.yaml", {}, {}), tmp_path / "runs", Screen())

    return study


def names(study):
    return [job.name for job in study.plan.jobs]


SHAPES = {"data": {"class": "test_plan:Shapes", "image_size": 32, "attributes": ["shape", "size"]}}


def shapes(study, methods, **data):
    """A study of shapes, without the keys that only faces have."""
    made = study(methods=methods)
    own = {key: value for key, value in (SHAPES["data"] | data).items() if key != "class"}
    update = {"source": Shapes, "data": Shapes.Settings(**own)}
    return open_study(made.settings.model_copy(update=update), made.runs.root, made.screen)


def test_jobs_are_methods_by_levels_by_seeds_and_by_attribute_where_a_method_takes_one(study):
    plan = study(levels=[5, "all"], seeds=[0, 1]).plan
    assert [(s.entry.name, s.level, s.seed) for s in plan.systems] == [
        (method, level, seed)
        for method in ("sggan", "stargan", "residualgan")
        for level in (5, "all")
        for seed in (0, 1)
    ]
    assert [len(s.jobs) for s in plan.systems] == [1] * 8 + [3] * 4
    assert len({job.name for job in plan.jobs}) == len(plan.jobs) == 8 + 12
    single = plan.systems[-1].jobs
    assert [job.columns for job in single] == [(0,), (1,), (2,)]
    assert [[a.name for a in job.attributes] for job in single] == [["gender"], ["hair_color"], ["smile"]]
    assert single[1].name.startswith("residualgan-hair_color-all-s1-")
    assert (len(plan.train), len(plan.test)) == (240, 60)


def test_every_method_sees_the_same_labels(study):
    jobs = study().plan.jobs
    whole = jobs[0].labels.labels
    assert torch.equal(whole, jobs[1].labels.labels)
    for job in jobs[2:]:
        assert torch.equal(job.labels.labels, whole[:, list(job.columns)])


MATTERS = {
    "seed": {"seeds": [1]},
    "level": {"levels": [6]},
    "precision": {"precision": "bfloat16"},
    "number of images": {"data": {"num_images": 310}},
    "size of the test set": {"data": {"num_test": 61}},
    "image size": {"data": {"image_size": 64}},
    "faces": {"data": {"seed": 1}},
    "split": {"data": {"split_seed": 1}},
    "first": {"data": {"split": "first"}},
    "order": {"data": {"attributes": ["smile", "gender", "hair_color"]}},
    "settings": {"methods": {"sggan": SMALL | {"learning_rate": 1e-3}}},
}


@pytest.mark.parametrize("change", MATTERS.values(), ids=MATTERS)
def test_a_jobs_name_changes_with_what_decides_its_model(study, change):
    one = {"methods": {"sggan": SMALL}}
    assert names(study(**one)) != names(study(**(one | change)))
    assert names(study(**one))[0][-8:] != names(study(**(one | change)))[0][-8:]


NO_MATTER = {
    "study": {"study": "another"},
    "device": {"device": "cpu"},
    "launching": {"workers": 3, "threads": 2, "launcher": "ray"},
    "judge": {"judge": {"epochs": 7}},
    "scoring": {"scoring": {"num_resamples": 7}},
    "notes": {"about": "a try", "notes": ["a note"]},
    "default": {"methods": {"sggan": SMALL | {"lambda_rec": 10}}},
    "level more": {"levels": [5, 6]},
    "balanced below all": {"balanced": ["smile"]},
    "other methods": {"methods": {"stargan": SMALL, "sggan": SMALL}},
}


@pytest.mark.parametrize("change", NO_MATTER.values(), ids=NO_MATTER)
def test_a_jobs_name_does_not_change_with_anything_else(study, change):
    one = {"methods": {"sggan": SMALL}}
    assert names(study(**one))[0] in names(study(**(one | change)))


def test_a_single_attributes_job_is_shared_between_studies_of_several(study):
    method = {"residualgan": SMALL}
    few = names(study({"attributes": ["smile"]}, method))
    assert few[0] in names(study({"attributes": ["gender", "smile"]}, method))


def test_balanced_changes_labels_at_all(study):
    plain, balanced = study(levels=["all"]), study(levels=["all"], balanced=["hair_color"])
    assert names(plain)[0] != names(balanced)[0]
    counts = balanced.plan.jobs[0].labels.manifest["counts"]["hair_color"]
    assert counts["black"] == counts["blond"]


def test_a_method_may_be_balanced_where_another_is_not(study):
    methods = {"sggan": SMALL | {"balanced": ["hair_color"]}, "stargan": SMALL}
    own, other = study(levels=["all"], methods=methods).plan.jobs
    counts = own.labels.manifest["counts"]["hair_color"]
    assert counts["black"] == counts["blond"]
    assert other.labels.manifest["balanced"] == []
    plain = {"sggan": SMALL | {"balanced": []}, "stargan": SMALL}
    names_of = [job.name for job in study(levels=["all"], methods=plain, balanced=["hair_color"]).plan.jobs]
    assert names_of[0] in names(study(levels=["all"], methods={"sggan": SMALL}))
    assert names_of[1] not in names(study(levels=["all"], methods={"stargan": SMALL}))


PROTOCOL = {
    "jury": {"jury": {"size": 3}},
    "gate": {"jury": {"gate": 0.9}},
    "judge": {"judge": {"epochs": 7}},
    "floor": {"judge": {"floor": 0.8}},
    "resamples": {"scoring": {"num_resamples": 7}},
    "people": {"scoring": {"figure_people": 2}},
    "composition": {"scoring": {"composition": 199}},
    "no composition": {"scoring": {"composition": 0}},
    "test images": {"data": {"num_test": 61}},
    "attributes": {"data": {"attributes": ["gender", "smile"]}},
}


@pytest.mark.parametrize("change", PROTOCOL.values(), ids=PROTOCOL)
def test_the_protocols_hash_changes_with_what_decides_a_score(study, change):
    assert study().protocol.hash != study(**change).protocol.hash


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [1]},
        {"levels": ["all"]},
        {"device": "cpu"},
        {"threads": 2},
        {"scoring": {"batch_size": 7, "correlated_above": 0.5}},
    ],
)
def test_the_protocols_hash_changes_with_nothing_else(study, change):
    assert study().protocol.hash == study(**change).protocol.hash


def test_without_composition_the_protocol_knows_nothing_of_it(study, monkeypatch):
    """What was scored before there were chains of edits has the same hash as what is scored without them now."""
    hashed = []
    monkeypatch.setattr(protocol, "hash_of_value", lambda value: hashed.append(value) or "")
    _ = study(scoring={"composition": 0})
    _ = study(scoring={"composition": 200})
    known = "version metrics judges floors source test num_resamples people inception lpips embedder"
    of_chains = {name for name, spec in METRICS.items() if spec.table == "chains"}
    without, with_chains = (value for value in hashed if "num_resamples" in value)
    assert [*without] == known.split()
    assert without["metrics"].keys() == METRICS.keys() - of_chains
    assert with_chains == without | {"metrics": with_chains["metrics"], "composition": 200}
    assert with_chains["metrics"].keys() == METRICS.keys()


def test_a_metric_of_ones_own_beside_the_chains_is_always_part_of_the_protocol(study, tmp_path, monkeypatch):
    """It has a figure of single results too."""
    entry = (
        'MetricSpec("own", "Own", "lower", "levels", (0.0, 255.0), 1, implementation=IMPLEMENTATION, table="chains", '
    )
    code = "from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place\n"
    code += 'IMPLEMENTATION = "sgbench.metrics.similarity:PSNR"\n'
    code += f'ENTRY = {entry}places=(Place("image", (RESULT, SOURCE)),))\n'
    (tmp_path / "beside_chains.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    without, own = (study(scoring={"composition": 0, "metrics": m}) for m in ([], ["beside_chains:ENTRY"]))
    assert without.protocol.hash != own.protocol.hash


def test_stargan_with_guessed_labels_is_another_system_of_the_same_model(study):
    guessing = SMALL | {"source_labels": "guessed"}
    alone, own = study(methods={"stargan": SMALL}), study(methods={"stargan": guessing})
    both = study(methods={"stargan/guessed": guessing, "stargan": SMALL})
    assert names(alone) == names(own) == names(both)
    assert [job.title for job in both.plan.jobs] == ["stargan (5, seed 0)"]
    (usual,), (other,), (variant, same) = (s.plan.systems for s in (alone, own, both))
    assert same.name == usual.name
    assert len({usual.name, other.name, variant.name}) == 3
    assert [s.entry.shown_variant for s in (usual, other, variant)] == ["", "guessed labels", "guessed labels"]
    assert [s.entry.source_labels for s in (usual, other, variant)] == ["true", "guessed", "guessed"]
    assert study(methods={"sggan": SMALL}).plan.systems[0].entry.source_labels == "none"


def test_the_job_of_a_method_says_nothing_of_labels_at_test(study):
    (job,) = study(methods={"stargan": SMALL}).plan.jobs
    assert "source_labels" not in job.identity["settings"]
    (narrow,) = study(methods={"stargan/narrow": SMALL | {"source_labels": "guessed", "base_width": 3}}).plan.jobs
    assert narrow.name.startswith("stargan-gender+")
    assert narrow.name != job.name


@pytest.mark.parametrize("method", ["attgan", "stgan"])
def test_a_variant_of_another_strength_is_another_row_of_the_same_model(study, method):
    alone = study(methods={method: SMALL})
    both = study(methods={method: SMALL, f"{method}/strength2": SMALL | {"strength": 2}})
    assert names(both) == names(alone)
    (job,) = both.plan.jobs
    assert "strength" not in job.identity["settings"]
    usual, strong = both.plan.systems
    assert [one.name for system in (usual, strong) for one in system.jobs] == [job.name] * 2
    assert usual.name != strong.name
    assert [system.entry.shown_variant for system in (usual, strong)] == ["", "strength 2"]
    assert [system.entry.settings.strength for system in (usual, strong)] == [1, 2]
    said = f"{strong.entry.cls.display_name} (strength 2) is told at test to change more or less than in training"
    assert sum(note.startswith(said) for note in notes(both, True)) == 1
    assert not any("to change more or less" in note for note in notes(alone, True))


def test_a_report_says_who_was_given_which_labels(study):
    guessing = SMALL | {"source_labels": "guessed"}
    true = "StarGAN is given the test images' true labels ("
    guess = "is given no label at test: it guesses those of the source image with its own classifier."
    told = {
        "true": notes(study(methods={"stargan": SMALL}), True),
        "guessed": notes(study(methods={"stargan": guessing}), True),
        "both": notes(study(methods={"stargan": SMALL, "stargan/guessed": guessing}), True),
    }
    assert [sum(note.startswith(true) for note in found) for found in told.values()] == [1, 0, 1]
    assert [sum(note == f"StarGAN (guessed labels) {guess}" for note in found) for found in told.values()] == [0, 1, 1]
    assert "StarGAN, guessed labels" in facts(study(methods={"stargan/guessed": guessing}))


@pytest.mark.slow
def test_people_may_be_named_which_is_part_of_the_protocol(study):
    plan = study().plan
    whole = [name for name, own in zip(plan.test_ids, plan.test_labels.tolist(), strict=True) if min(own) >= 0]
    chosen = study(scoring={"people": [whole[5], whole[1]], "figure_people": 0})
    assert [plan.test_ids[p] for p in chosen.plan.edits.positions] == [whole[5], whole[1]]
    assert chosen.protocol.hash != study().protocol.hash
    assert study(scoring={"people": []}).protocol.hash == study().protocol.hash


def test_people_who_cannot_be_shown_are_refused_in_a_line(study):
    plan = study().plan
    labels = dict(zip(plan.test_ids, plan.test_labels.tolist(), strict=True))
    trained = next(name for name in plan.source.ids if name not in labels)
    neither = next(name for name, own in labels.items() if own[1] < 0)
    first = plan.test_ids[0]
    for people, message in (
        ([trained], f"scoring.people: '{trained}' is none of the 60 test images, which are named like '{first}'"),
        ([neither], f"scoring.people: '{neither}' has no value of hair_color; choose somebody who has"),
    ):
        with pytest.raises(UserError) as caught:
            study(scoring={"people": people})
        assert str(caught.value) == message
    with pytest.raises(UserError, match=r"scoring\.people: .*one is named twice"):
        study(scoring={"people": [first, first]})


def test_planning_leaves_random_numbers_and_folders_alone(study, tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert study().plan
    assert torch.equal(torch.get_rng_state(), before)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_settings_kept_beside_a_report_are_a_config_of_the_same_study(study, tmp_path):
    variant = {"sggan/none": SMALL | {"residual": "none"}}
    first = study(methods=GOOD["methods"] | variant, levels=["all", 5], seeds=[2, 3], balanced=["smile"])
    write_intent(first)
    again = read_settings(first.folder.path / "settings.yaml", {}, {})
    assert again == first.settings
    assert names(open_study(again, first.runs.root, first.screen)) == names(first)


@pytest.mark.parametrize("method", ["sggan", "stargan", "attgan", "stgan"])
def test_three_values_are_planned_for_methods_that_can_take_them(study, method):
    (job,) = shapes(study, {method: SMALL}).plan.jobs
    assert job.labels.manifest["counts"]["shape"]["long"] == 5


def test_residualgan_with_three_values_is_refused(study):
    with pytest.raises(UserError, match=r"residualgan: .*one attribute with two values, not shape: round, oval, long"):
        _ = shapes(study, {"residualgan": SMALL}).plan
    (job,) = shapes(study, {"residualgan": SMALL}, attributes=["size"]).plan.jobs
    assert job.attributes[0].values == ("small", "large")


def test_a_source_of_ones_own_is_loaded_by_name(tmp_path):
    raw = GOOD | SHAPES | {"methods": {"sggan": SMALL}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    settings = read_settings(tmp_path / "mine.yaml", {}, {})
    assert settings.source is Shapes
    assert len(make_plan(settings, Shapes(settings.data)).train) == 80


REFUSED = {
    "attribute": ({"data": {"attributes": ["beard"]}}, "unknown attribute 'beard'; those of the embedded faces are"),
    "twice": ({"data": {"attributes": ["smile", "smile"]}}, "one is named twice"),
    "a method's own balanced": (
        {"methods": {"sggan": SMALL | {"balanced": ["beard"]}}},
        "balanced: unknown attribute 'beard'; the study has",
    ),
    "balanced": ({"balanced": ["beard"]}, "balanced: unknown attribute 'beard'; the study has"),
    "too few": ({"levels": [200]}, r"sggan: --sparse 200: only \d+ training images have hair_color = 'blond'; ask for"),
    "test set": ({"data": {"num_test": 300}}, "data.num_test is 300, but there are only 300 images"),
    "tiny test set": ({"data": {"num_test": 1}}, "none of 1 test images has "),
    "nobody to show": (
        {"data": {"num_images": 12, "num_test": 6, "attributes": ["hair_color", "pale_skin"]}},
        "none of",
    ),
    "variant": ({"methods": {"sggan": SMALL | {"residual": "none", "pass_through": 1}}}, "needs residual: refined"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_or_scored_is_refused_and_leaves_no_trace(study, tmp_path, change, message):
    with pytest.raises(UserError, match=message) as caught:
        study(**change)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_stargan_needs_a_complete_vector(study):
    assert shapes(study, {"sggan": SMALL}, apart=True).plan.jobs
    with pytest.raises(UserError, match="stargan: no training image has all of shape, size known at --sparse 5; raise"):
        _ = shapes(study, {"stargan": SMALL}, apart=True).plan


@pytest.mark.slow
def test_every_size_is_planned_for_every_method(study):
    for image_size in (32, 64, 128, 256):
        assert len(study({"image_size": image_size}).plan.jobs) == 5


def test_fingerprint_of_faces_is_the_same_for_any_choice_of_attributes():
    settings = [
        EmbeddedFaces.Settings(attributes=names, num_images=50, image_size=32) for names in (("smile",), ("gender",))
    ]
    assert len({EmbeddedFaces(s).fingerprint for s in settings}) == 1


@pytest.mark.slow
def test_validation_images_are_a_part_of_the_training_images_and_nothing_is_trained_on_them(study):
    plan, chosen = study().plan, study(data={"scored_on": "validation"}).plan
    assert len(chosen.test) == 24
    assert set(chosen.test.tolist()) | set(chosen.train.tolist()) == set(plan.train.tolist())
    assert not set(chosen.test.tolist()) & set(chosen.train.tolist())
    assert not set(chosen.test.tolist()) & set(plan.test.tolist())
    for part in (chosen.train, chosen.test):
        assert torch.equal(part, part.sort().values)
    assert torch.equal(chosen.test, study(data={"scored_on": "validation"}).plan.test)
    others = study(data={"scored_on": "validation", "split_seed": 1}).plan.test
    assert not torch.equal(chosen.test, others)


def test_what_is_scored_on_validation_images_shares_no_model_and_no_report(study):
    own, chosen = study(), study(data={"scored_on": "validation"})
    assert not set(names(own)) & set(names(chosen))
    assert own.protocol.hash != chosen.protocol.hash
    assert not {seat.key for seat in own.protocol.judges} & {seat.key for seat in chosen.protocol.judges}
    assert chosen.folder.path.name == f"{own.settings.study}-5@validation"


def test_the_share_of_validation_images_changes_nothing_that_is_scored_on_test_images(study):
    own, other = study(), study(data={"validation": 0.3})
    assert names(own) == names(other)
    assert own.protocol.hash == other.protocol.hash
    assert len(study(data={"validation": 0.3, "scored_on": "validation"}).plan.test) == 72


def test_too_few_images_for_validation_are_refused(study):
    with pytest.raises(UserError, match=r"data\.validation leaves none of 2 images to train on"):
        study(data={"validation": 0.9, "scored_on": "validation", "num_images": 60, "num_test": 58})
