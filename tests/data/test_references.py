"""Known answers: what a source draws, in the order of requests, each thread by itself."""

import pytest
import torch

from sgbench.data.requests import make_requests
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.data.store.references import open_references
from sgbench.support.cores import torch_threads


class Watched(EmbeddedFaces):
    """Faces that note with how many threads torch computes while they are drawn."""

    def __init__(self, **settings):
        super().__init__(self.Settings(**settings))
        self.threads = set()

    def counterfactual(self, index, groups):
        self.threads.add(torch.get_num_threads())
        return super().counterfactual(index, groups)


@pytest.mark.slow
def test_references_are_drawn_by_one_thread_each_and_leave_torchs_threads_as_they_were(tmp_path):
    source = Watched(num_images=200, image_size=32, attributes=["gender", "hair_color"])
    test = torch.arange(200)
    requests = make_requests(source.labels, source.attributes)
    with torch_threads(3):
        source.counterfactual(test[:1], ())
        source.threads.clear()
        found = open_references(source, test, requests, tmp_path)
        assert torch.get_num_threads() == 3
    # The first call, which only asks whether there are answers, and each file's first image are the caller's own.
    assert 1 in source.threads
    assert source.threads <= {1, 3}
    assert torch.equal(found.background, source.background(test))
    for request, images in zip(requests, found.counterfactuals, strict=True):
        for group, rows in request.by_value():
            assert torch.equal(images[rows], source.counterfactual(test[request.positions[rows]], [group]))
