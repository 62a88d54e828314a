"""Metrics that a config names: in the catalogue while a study has them, refused where nothing could be scored."""

import os
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.implementations import build, version_of
from sgbench.metrics.outside import OutsideMetric
from sgbench.metrics.own import use_metrics
from sgbench.metrics.similarity import PSNR
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place
from sgbench.results.records import ALL, Record
from sgbench.scoring.cells import Rows, bootstrapped
from sgbench.statistics.paired import Pair, paired_differences
from sgbench.support.errors import UserError

CODE = """
import torch

from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place


class Zero(ImageMetric):
    definition = "0"

    def terms(self, results, sources):
        return torch.zeros(len(results), 1, dtype=torch.float64)


class Half(Zero):
    definition = "0.5"


def entry(name="zero", **about):
    about = {"implementation": "own_metrics:Zero", "places": (Place("image", (RESULT, SOURCE)),)} | about
    return MetricSpec(name, "Zero", "", "score", (0.0, 1.0), 1, **about)


ZERO, AGAIN, OTHER = entry(), entry(), entry("other")
TAKEN, ODD = entry("psnr"), entry("Zero score")
NO_CLASS, NOWHERE = entry(implementation="own_metrics:None"), entry(places=())
UNDECIDED, UNNAMED = entry(recentred=None), entry(implementation=Zero)
STRANGE = entry(places=(Place("image", ("a dream",)),))
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "own_metrics.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    suites = dict(METRICS)
    yield suites
    use_metrics(())
    assert suites == METRICS
    sys.modules.pop("own_metrics", None)


def test_they_are_there_while_they_are_named(own):
    use_metrics(["own_metrics:ZERO", "own_metrics:OTHER"])
    assert list(METRICS) == [*own, "zero", "other"]
    assert version_of(METRICS["zero"]).startswith("1 ")
    use_metrics(["own_metrics:OTHER"])
    assert list(METRICS) == [*own, "other"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["nosuch:ZERO"], "scoring.metrics: 'nosuch:ZERO' cannot be imported: No module named 'nosuch'"),
        (["own_metrics:NONE"], "scoring.metrics: 'own_metrics:NONE': own_metrics has no MetricSpec 'NONE'"),
        (["own_metrics:Zero"], "own_metrics has no MetricSpec 'Zero'"),
        (["own_metrics:NO_CLASS"], "own_metrics has no complete ImageMetric of that name"),
        (["own_metrics:TAKEN"], "own_metrics:TAKEN: cannot be called 'psnr'; give another name"),
        (["own_metrics:ODD"], "cannot be called 'Zero score'"),
        (["own_metrics:NOWHERE"], "says nowhere what it needs"),
        (["own_metrics:STRANGE"], "needs 'a dream', which nobody gives; known are result, source, "),
        (["own_metrics:UNDECIDED"], "own_metrics:UNDECIDED: recentred: Input should be a valid boolean"),
        (["own_metrics:UNNAMED"], "own_metrics:UNNAMED: implementation: Input should be a valid string"),
        (["own_metrics:ZERO", "own_metrics:AGAIN"], "two of own_metrics:ZERO, own_metrics:AGAIN have one name"),
    ],
)
def test_what_could_not_be_scored_is_one_line_and_changes_nothing(own, names, said):
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        use_metrics(names)
    assert "\n" not in str(caught.value)
    assert own == METRICS


PLACES = (Place("image", (RESULT, SOURCE)),)


@pytest.mark.parametrize(
    "changed",
    [
        {"places": (Place("image", (SOURCE, RESULT)),)},
        {"implementation": "own_metrics:Half"},
        {"title": "Nothing"},
        {"bounds": (0.0, 2.0)},
        {"recentred": True},
        {"version": 2},
    ],
)
@pytest.mark.parametrize("implementation", ["own_metrics:Zero", "sgbench.metrics.similarity:PSNR"])
def test_another_entry_of_the_same_code_is_another_version(changed, implementation):
    entry = MetricSpec("zero", "Zero", "", "score", (0.0, 1.0), 1, implementation=implementation, places=PLACES)
    assert version_of(replace(entry, **changed)) != version_of(entry) == version_of(replace(entry))


def test_metrics_of_the_suite_have_their_versions_and_are_themselves(own):
    assert {name: version_of(spec) for name, spec in own.items()} == {name: spec.version for name, spec in own.items()}
    assert type(build(own["psnr"], "image", 64, {})) is PSNR


class Given(ImageMetric):
    """It gives what it is told to."""

    def __init__(self, found=None, **calls):
        self.found = found
        vars(self).update(calls)

    def terms(self, *given):
        return self.found(*given)


def outside(own):
    return OutsideMetric(own, "as told", "metric mine", "image")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            lambda x: x.double().mean().reshape(1, 1),
            r"float64 \[3, K\] for 3 images, a row for each, not .*64 \[1, 1\]",
        ),
        (lambda x: x.double().mean((1, 2, 3)), r"not torch.float64 \[3\]"),
        (lambda x: x.float().mean((1, 2, 3))[:, None], r"not torch.float32 \[3, 1\]"),
        (lambda _: None, "not NoneType"),
        (lambda x: torch.full((len(x), 1), torch.inf, dtype=torch.float64), "an infinite term"),
    ],
)
def test_terms_that_are_not_a_row_for_each_image_are_refused(found, said):
    with pytest.raises(UserError, match=f"^metric mine: .*{said}"):
        outside(Given(found)).terms(torch.zeros(3, 3, 2, 2))


def test_a_metric_that_writes_into_images_changes_none():
    images = torch.ones(2, 3, 4, 4)
    terms = outside(Given(lambda x: x.zero_().double().sum((1, 2, 3))[:, None])).terms(images)
    assert terms.tolist() == [[0], [0]]
    assert (images == 1).all()


def test_terms_are_kept_as_they_are_without_gradients():
    buffer = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    terms = outside(Given(lambda x: buffer)).terms(torch.zeros(2, 3, 4, 4))
    with torch.no_grad():
        buffer.zero_()
    assert terms.tolist() == [[1], [1]]
    assert not terms.requires_grad


class Emptying(ImageMetric):
    """A mean of the images above 0, by way of weights that it writes into, and terms."""

    def terms(self, x):
        raise NotImplementedError

    def reduce(self, terms, weights):
        weights[:, terms[:, 0] <= 0] = 0
        return super().reduce(terms.abs_(), weights)


class Copying(Emptying):
    """The same of copies."""

    def reduce(self, terms, weights):
        return super().reduce(terms.clone(), weights.clone())


ONE, OTHER = (torch.from_numpy(np.random.default_rng(k).normal(k / 5, 1, (30, 1))) for k in range(2))


def everything_of(metric):
    """All that is computed by way of ``reduce``."""
    swaps = torch.from_numpy(np.random.default_rng(0).integers(2, size=(30, 5)) == 1)
    weights = torch.ones(3, 30, dtype=torch.float64)
    return [
        metric.reduce(ONE, weights),
        metric.reduce_each([ONE, OTHER], weights),
        metric.exchanging([(ONE, OTHER), (OTHER, ONE)])(swaps),
        metric.shares(ONE, OTHER),
        torch.tensor(metric.figure(ONE)),
    ]


def test_a_metric_that_writes_into_weights_and_terms_has_the_figures_of_one_that_copies_them():
    before = ONE.clone(), OTHER.clone()
    assert all(map(torch.equal, everything_of(outside(Emptying())), everything_of(Copying())))
    assert torch.equal(ONE, before[0])
    assert torch.equal(OTHER, before[1])


def test_a_metric_that_writes_into_weights_does_not_change_the_intervals_of_the_next(rows):
    cells = {0: rows.cell(outside(Emptying()), ONE, "zero"), 1: rows.cell(PSNR(), ONE, "psnr")}
    alone = bootstrapped({1: cells[1]}, 40)
    assert bootstrapped(cells, 40)[1] == alone[1]


@pytest.fixture
def rows():
    base = Record("s", "mine", "", "5", 0, "faces", 32, "", ALL, "", "", "", *(float("nan"),) * 3, 0, "", "measured")
    return Rows(base, torch.arange(30), torch.zeros(30, dtype=torch.int8))


def test_a_mean_is_compared_as_one_and_two_entries_of_a_class_apart():
    sources = np.arange(30)
    mean, again = outside(Given()), OutsideMetric(Given(), "as told", "metric other", "image")
    pairs = [Pair(m, ONE, OTHER, sources) for m in (mean, again)]
    assert mean.is_mean
    assert not outside(Emptying()).is_mean
    assert pairs[0].figure != pairs[1].figure
    suites = paired_differences([Pair(PSNR(), ONE, OTHER, sources)], 50)
    assert paired_differences(pairs, 50) == suites * 2


@pytest.mark.parametrize(
    ("call", "of", "said"),
    [
        ("per_image", lambda terms: terms, r"per_image\(\) must return float64 \[30\], not torch.float64 \[30, 1\]"),
        (
            "reduce",
            lambda terms, weights: weights[:, 0].float(),
            r"reduce\(\) must return float64 \[3\], not .*32 \[3\]",
        ),
        ("reduce", lambda terms, weights: None, "not NoneType"),
        ("reduce_each", lambda systems, weights: weights, r"reduce_each\(\) must return float64 \[2, 3\]"),
        ("refusal", lambda terms: None, r"refusal\(\) must return a text, empty if there is a figure, not None"),
        ("figure", lambda terms: "much", "ValueError: could not convert string to float"),
        ("num_clipped", lambda terms: "few", "ValueError: invalid literal"),
        ("exchanging", lambda pairs: None, "TypeError: 'NoneType' object is not callable"),
        ("exchanging", lambda pairs: torch.sin, r"exchanging\(\) must return float64 \[2, 5\]"),
        ("shares", lambda a, b: a, r"shares\(\) must return float64 \[30\]"),
        ("shares", lambda a, b: sys.exit(0), r"calls sys.exit\(0\)"),
        ("refusal", lambda terms: os._exit(0), r"calls os._exit\(0\)"),
        ("num_clipped", lambda terms: torch.empty(10**15), ""),
    ],
)
def test_whatever_the_code_does_wrong_is_a_line_that_names_the_metric(call, of, said):
    metric = outside(Given(**{call: of}))
    with pytest.raises(UserError, match=f"^metric mine: .*{said}"):
        [*everything_of(metric), metric.per_image(ONE), metric.refusal(ONE), metric.num_clipped(ONE)]


BROKEN = """

class Other(Zero):
    @classmethod
    def build(cls, place, image_size, network):
        return {"a number": 3, "an error": 0}[place] or 1 / 0


class Wordless(Zero):
    definition = None


class Odd(Zero):
    def terms(self, results, sources):
        os.chdir("/")
        sys.stdout = io.StringIO()
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(0)
        os.environ["SGBENCH_TEST"] = "1"
        if len(results) > 2:
            raise ValueError("too many")
        return super().terms(results, sources)
"""


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "own_metrics.py").write_text("import io\nimport os\nimport sys\n" + CODE + BROKEN)

    def made(name, place="itself"):
        entry = MetricSpec("odd", "Odd", "", "score", (0.0, 1.0), 1, implementation=f"own_metrics:{name}")
        return build(entry, place, 32, {})

    return made


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("Other", "an error", "own_metrics.py:[0-9]+: ZeroDivisionError: division by zero"),
        ("Other", "a number", r"build\(\) must return the metric, or None, not int"),
        ("Wordless", "itself", "does not say what it measures"),
    ],
)
def test_a_metric_that_cannot_be_built_is_a_line(broken, name, place, said):
    with pytest.raises(UserError, match=rf"^metric odd \(own_metrics:{name}\): .*{said}"):
        broken(name, place)


def test_what_a_metric_changes_of_the_process_is_put_back(broken):
    metric = broken("Odd")
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    before = os.getcwd(), sys.stdout, torch.get_rng_state()
    assert metric.terms(images, images).tolist() == [[0], [0]]
    with pytest.raises(
        UserError, match=r"^metric odd \(own_metrics:Odd\): .*own_metrics.py:[0-9]+: ValueError: too many"
    ):
        metric.terms(*[torch.zeros(3, 3, 4, 4)] * 2)
    assert (os.getcwd(), sys.stdout) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.get_default_dtype() == torch.float32
    assert "SGBENCH_TEST" not in os.environ


def test_a_metric_of_the_suites_that_is_named_for_other_inputs_is_a_line():
    psnr = "sgbench.metrics.similarity:PSNR"
    metric = build(MetricSpec("odd", "Odd", "", "dB", (0.0, 100.0), 1, implementation=psnr), "image", 32, {})
    with pytest.raises(UserError, match=r"^metric odd \(sgbench.metrics.similarity:PSNR\): .*images must be uint8"):
        metric.terms(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))
