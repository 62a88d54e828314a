"""Scoring is of images: neither batches nor their order nor threads change what an image scores."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from sgbench.data.requests import Requests, make_requests
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.data.store.references import References
from sgbench.judges.judge import Judge
from sgbench.metrics.inception_score import InceptionScore, joint_posterior
from sgbench.scoring.evaluation_set import everything_asked
from sgbench.scoring.panel import Panel
from sgbench.scoring.scorer import score
from sgbench.scoring.set_figures import set_figures

NUM = 70
FACES = EmbeddedFaces(
    EmbeddedFaces.Settings(image_size=32, attributes=("gender", "smile"), num_images=NUM, num_test=NUM - 1)
)


@cache
def all_images():
    """Drawn when a test first needs them: to collect the tests takes no time."""
    return torch.from_numpy(FACES.read_many(range(NUM)))


@pytest.fixture(scope="module")
def judge():
    """Untrained, with batch statistics of its own, so that its verdicts are not all alike."""
    torch.manual_seed(0)
    judge = Judge(FACES.attributes).train()
    judge(all_images())
    return judge.eval()


@pytest.fixture(scope="module")
def test_set():
    requests = make_requests(FACES.labels, FACES.attributes)
    counterfactuals = [
        torch.cat([FACES.counterfactual(r.positions[rows], [group]) for group, rows in r.by_value()]) for r in requests
    ]
    background = FACES.background(torch.arange(NUM))
    return everything_asked(all_images(), FACES.labels, requests, References(counterfactuals, background))


def translate(positions, groups):
    """A fixed change of each image, of its own strength."""
    strength = (positions * 7 % 23).to(torch.uint8)[:, None, None, None]
    return (all_images()[positions] // 2 + strength).contiguous()


def scores(test, judge, batch_size):
    return score(translate, test, FACES.attributes, Panel([judge]), batch_size)


def assert_same(one, other):
    """Decisions equal unless two logits lie within 1e-5, posteriors within 1e-5, terms within 1e-12."""
    for mine, theirs in zip(one.posteriors[0], other.posteriors[0], strict=True):
        assert (mine - theirs).abs().max() < 1e-5
        changed = mine.argmax(1) != theirs.argmax(1)
        top = mine.log().topk(2, 1).values
        assert ((top[:, 0] - top[:, 1])[changed] < 1e-5).all()
    assert one.terms.keys() == other.terms.keys()
    for name, terms in one.terms.items():
        assert torch.allclose(terms, other.terms[name], rtol=0, atol=1e-12, equal_nan=True), name
    judge_scores = [
        float(
            InceptionScore(5).reduce(
                joint_posterior(own.posteriors[0]), torch.ones(1, len(own.posteriors[0][0])).double()
            )
        )
        for own in (one, other)
    ]
    assert judge_scores[0] == pytest.approx(judge_scores[1], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_changes_no_score(test_set, judge, batch_size):
    for one, other in zip(scores(test_set, judge, NUM), scores(test_set, judge, batch_size), strict=True):
        assert_same(one, other)


def test_the_number_of_threads_changes_no_score(test_set, judge):
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(scores(test_set, judge, 16))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


def test_the_order_of_images_changes_no_images_score(test_set, judge):
    request = test_set.requests[0]
    order = torch.cat([torch.arange(rows.start, rows.stop).flip(0) for _, rows in request.by_value()])
    turned = Requests(request.target, request.positions[order], request.values[order])
    test = replace(test_set, requests=(turned,), rows=(test_set.rows[0][order],))
    (own,), (first, _) = scores(test, judge, 16), scores(test_set, judge, 16)
    for mine, theirs in zip(own.posteriors[0], first.posteriors[0], strict=True):
        assert (mine - theirs[order]).abs().max() < 1e-5
    for name, terms in own.terms.items():
        assert torch.allclose(terms, first.terms[name][order], rtol=0, atol=1e-12, equal_nan=True), name


def test_only_what_is_kept_is_scored_against_its_own_reference(test_set, judge):
    kept = [torch.arange(len(r.positions)) % 3 == 0 for r in test_set.requests]
    part = scores(test_set.only(kept), judge, 16)
    for own, whole, k in zip(part, scores(test_set, judge, 16), kept, strict=True):
        for name, terms in own.terms.items():
            assert torch.allclose(terms, whole.terms[name][k], rtol=0, atol=1e-12, equal_nan=True), name


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x.float(),
        lambda x: x[:, :, 1:],
        lambda x: x[:-1],
        lambda x: x.short(),
    ],
)
def test_what_is_no_translation_is_refused(test_set, judge, wrong):
    with pytest.raises(ValueError, match="a translation must be uint8"):
        score(lambda p, _: wrong(all_images()[p]), test_set, FACES.attributes, Panel([judge]), 16)


def test_kid_has_a_deviation_only_where_subsets_differ():
    features = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    for real, differ in ((features[:20] + 1, True), (features + 1, False)):
        fid, kid = set_figures(features, real, "male")
        assert (fid.metric, kid.metric) == ("fid", "kid")
        assert kid.value > 0
        assert (kid.spread > 0) is differ
        assert math.isnan(kid.spread) is not differ


def test_results_that_are_all_alike_are_remarked(test_set, judge):
    def constant(positions, groups):
        return all_images()[:1].repeat(len(positions), 1, 1, 1)

    own = score(constant, test_set, FACES.attributes, Panel([judge]), 16)
    assert [target.remark for target in own] == ["every result is the same image"] * 2
    assert [target.remark for target in scores(test_set, judge, 16)] == ["", ""]
