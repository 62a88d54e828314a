"""Results that are no faces are found and said."""

import torch

from sgbench.scoring.sameness import Sameness, in_words

SOURCES = torch.randint(0, 256, (6, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def told(*groups):
    """Of results given for each value, in batches of two."""
    seen = []
    for number, results in enumerate(groups):
        seen.append(Sameness(f"v{number}"))
        for part, sources in zip(results.split(2), SOURCES[: len(results)].split(2), strict=True):
            seen[-1].look(part, sources)
    return in_words(seen)


def same(number, of=0):
    return SOURCES[of].repeat(number, 1, 1, 1)


def test_faces_are_nothing_to_tell():
    assert told(SOURCES, SOURCES.flip(0)) == ""
    assert told() == ""
    assert told(same(1), SOURCES) == ""  # one result is like itself


def test_one_image_for_all_is_told():
    assert told(same(5), same(3)) == "every result is the same image"
    assert told(same(5), same(3, of=1)) == "every result for the same value is the same image"
    assert told(SOURCES, same(4)) == "every result for v1 is the same image"


def test_one_colour_is_told():
    black, red = torch.zeros_like(SOURCES), torch.zeros_like(SOURCES)
    red[:, 0] = 200
    assert told(black, red) == "every result is of one colour"
    some = SOURCES.clone()
    some[[1, 4]] = red[:2]
    assert told(some, SOURCES) == "2 of 12 results are of one colour"


def test_a_source_of_one_colour_may_stay_so(monkeypatch):
    monkeypatch.setitem(globals(), "SOURCES", torch.cat([torch.zeros_like(SOURCES[:1]), SOURCES[1:]]))
    assert told(SOURCES) == ""
