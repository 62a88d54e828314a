"""What a gallery shows: the pictures that were kept and what the jury says of each; nobody who may not be shown."""

import base64
import io

import numpy as np
import pytest
from galleries import PEOPLE, pictures_of, with_gallery
from many import many
from PIL import Image

from sgbench.report.html.gallery import exhibition
from sgbench.report.html.sprites import LARGEST_LOSSLESS, sprite_of
from sgbench.report.making import make_report
from sgbench.report.members import FEW, Member
from sgbench.results.gallery import Pictures
from sgbench.results.scores import open_scores
from sgbench.support.errors import BrokenFile, UserError


def members(study):
    """Controls and systems of a study, as its report has them."""
    description = study.read_description()
    controls = [Member(study.runs.system(name), name, name, name) for name in description.controls]
    systems = [Member(study.runs.system(s.folder), s.method, s.shown, s.shown) for s in description.systems]
    return controls, systems, description


def shown(study):
    return exhibition(*members(study))


def pixels(sprite, side, cell):
    """Picture k of a sprite."""
    kind, _, encoded = sprite.uri.partition(";base64,")
    assert kind.startswith("data:image/")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)), formats=("PNG", "JPEG")))
    top, left = side * (cell // sprite.columns), side * (cell % sprite.columns)
    return sheet[top : top + side, left : left + side]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return with_gallery(tmp_path_factory.mktemp("gallery"))


def test_each_result_is_beside_what_the_jury_says_of_it(study):
    found = shown(study)
    assert [name for name, _ in found.people] == [f"face {position}" for position in PEOPLE]
    assert found.attributes == (("Gender", ("female", "male")), ("Smile", ("neutral", "smiling")))
    assert found.systems == (("Method 00", "m00"), ("Method 01", "m01"))
    assert len(found.exhibits) == 4
    for exhibit in found.exhibits:
        scores = open_scores(study.runs.system(f"m0{exhibit.system}-s0"))
        own, request = scores.targets[exhibit.target], scores.requests[exhibit.target]
        kept = pictures_of(scores, 2 + exhibit.system, 32)[exhibit.target]
        assert len(exhibit.tiles) == len(kept.positions) == len(PEOPLE)
        for cell, tile in enumerate(exhibit.tiles):
            position = PEOPLE[tile.person]
            row = request.positions.tolist().index(position)
            assert tile.value == request.values[row]
            jury = [own.posteriors[k][exhibit.target][row, tile.value].item() for k in (1, 2)]
            assert tile.confidence == pytest.approx(np.mean(jury), abs=1e-3)
            assert tile.inside == pytest.approx(own.terms["counterfactual_error", "inside"][row].item(), abs=1e-3)
            (place,) = np.flatnonzero(kept.positions == position)
            assert np.array_equal(pixels(exhibit.sprite, 32, cell), kept.images[place])


def test_sources_are_the_copys_results_and_counterfactuals_the_oracles(study):
    found = shown(study)
    copies = pictures_of(open_scores(study.runs.system("copy")), 0, 32)
    for place, position in enumerate(PEOPLE):
        (row,) = np.flatnonzero(copies[1].positions == position)
        assert np.array_equal(pixels(found.sources, 32, place)[..., 0], copies[1].images[row][..., 0])
    answers = pictures_of(open_scores(study.runs.system("oracle")), 1, 32)
    for target, (sprite, asked) in found.counterfactuals.items():
        for cell, (person, value) in enumerate(asked):
            (row,) = np.flatnonzero(answers[target].positions == PEOPLE[person])
            assert answers[target].values[row] == value
            assert np.array_equal(pixels(sprite, 32, cell), answers[target].images[row])


def test_without_counterfactuals_nothing_is_said_of_them(tmp_path):
    found = shown(with_gallery(tmp_path, known=False))
    assert found.counterfactuals == {}
    assert {tile.inside for exhibit in found.exhibits for tile in exhibit.tiles} == {None}


def test_where_nobody_may_be_shown_no_picture_is_in_the_page(tmp_path):
    """Although the folders have galleries, of another study that may show them."""
    study = with_gallery(tmp_path)
    description = study.read_description()
    study.write_description(type(description)(**vars(description) | {"gallery": ()}))
    assert shown(study) is None
    page = make_report(study, pictures=False).page.with_name("index.html").read_text(encoding="utf-8")
    assert "data:image" not in page.replace("img-src data:", "")
    assert "the settings of this study show nobody" in page


def test_systems_without_results_are_named(tmp_path):
    study = with_gallery(tmp_path)
    study.runs.system("m01-s0").write_gallery(())
    assert shown(study).without == ("Method 01",)


@pytest.mark.slow
def test_systems_of_which_fewer_results_were_kept_are_named(tmp_path, study):
    assert shown(study).fewer == {}
    page = make_report(study, pictures=False).page.with_name("index.html").read_text(encoding="utf-8")
    assert "and the same for every system: the very ones" in page
    own = with_gallery(tmp_path)
    for name, people in (("m00-s0", PEOPLE[:3]), ("m01-s0", (*PEOPLE, 0))):
        folder = own.runs.system(name)
        folder.write_gallery(pictures_of(open_scores(folder), 2, 32, people))
        folder.write_records(folder.read_records())
    assert shown(own).fewer == {"Method 00": 3}
    page = make_report(own, pictures=False).page.with_name("index.html").read_text(encoding="utf-8")
    assert "the same for every system but those named below" in page
    assert "Not all of these results were kept of: Method 00 (all of 3 test images). A study" in page


def test_a_study_scored_before_there_were_galleries_still_reports(tmp_path):
    study = many(tmp_path, 2, gallery=PEOPLE)
    assert shown(study) is None
    assert make_report(study, pictures=False).page.with_name("index.html").exists()


def test_of_many_systems_the_first_are_shown(tmp_path):
    found = shown(with_gallery(tmp_path, FEW + 1, known=False))
    assert (len(found.systems), found.number) == (FEW, FEW + 1)
    assert {exhibit.system for exhibit in found.exhibits} == set(range(FEW))


@pytest.mark.parametrize("number", [1, 2, 5, 9])
@pytest.mark.parametrize(("side", "kind"), [(LARGEST_LOSSLESS, "png"), (LARGEST_LOSSLESS + 2, "jpeg")])
def test_pictures_are_lossless_up_to_a_size_and_nearly_so_above(number, side, kind):
    rng = np.random.default_rng(number)
    flat = rng.integers(0, 256, (number, 1, 1, 3), dtype=np.uint8)
    pictures = np.broadcast_to(flat, (number, side, side, 3))
    sprite = sprite_of(pictures)
    assert sprite.uri.startswith(f"data:image/{kind};")
    for cell in range(number):
        distance = np.abs(pixels(sprite, side, cell)[8:-8, 8:-8].astype(int) - flat[cell]).max()
        assert distance == 0 if kind == "png" else distance < 12


@pytest.mark.parametrize(
    "changed", [{"target": 2}, {"positions": np.array([20])}, {"positions": np.array([-1])}, {"values": np.int8([2])}]
)
def test_a_gallery_of_other_images_than_were_scored_is_not_shown(tmp_path, changed):
    study = with_gallery(tmp_path)
    folder = study.runs.system("m01-s0")
    own = {"target": 0, "positions": np.array([7]), "values": np.int8([1])} | changed
    folder.write_gallery((Pictures(images=np.zeros((1, 32, 32, 3), np.uint8), **own),))
    with pytest.raises(BrokenFile, match="m01-s0: its gallery is of other images than its scores; made again"):
        shown(study)
    with pytest.raises(UserError, match="its gallery is of other images"):
        make_report(study, pictures=False)
