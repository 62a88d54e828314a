"""Metrics that a config names: in the catalogue while a study has them, refused where nothing could be scored."""

import re
import sys

import pytest
import torch

from sgbench.metrics.catalogue import METRICS, version_of
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.own import use_metrics
from sgbench.metrics.terms import terms_of
from sgbench.support.errors import UserError

CODE = """
import torch

from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place


class Zero(ImageMetric):
    definition = "0"

    def terms(self, results, sources):
        return torch.zeros(len(results), 1, dtype=torch.float64)


def entry(name="zero", **about):
    about = {"implementation": "own_metrics:Zero", "places": (Place("image", (RESULT, SOURCE)),)} | about
    return MetricSpec(name, "Zero", "", "score", (0.0, 1.0), 1, **about)


ZERO, AGAIN, OTHER = entry(), entry(), entry("other")
TAKEN, ODD = entry("psnr"), entry("Zero score")
NO_CLASS, NOWHERE = entry(implementation="own_metrics:None"), entry(places=())
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
        (["own_metrics:ZERO", "own_metrics:AGAIN"], "two of own_metrics:ZERO, own_metrics:AGAIN have one name"),
    ],
)
def test_what_could_not_be_scored_is_one_line_and_changes_nothing(own, names, said):
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        use_metrics(names)
    assert "\n" not in str(caught.value)
    assert own == METRICS


class Given(ImageMetric):
    """One from outside the package, as tests are: it gives what it is told to."""

    def __init__(self, found):
        self.found = found

    def terms(self, *given):
        return self.found(*given)


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
        terms_of("mine", Given(found), [torch.zeros(3, 3, 2, 2)])


def test_a_metric_that_writes_into_images_changes_none():
    images = torch.ones(2, 3, 4, 4)
    terms = terms_of("mine", Given(lambda x: x.zero_().double().sum((1, 2, 3))[:, None]), [images])
    assert terms.tolist() == [[0], [0]]
    assert (images == 1).all()
