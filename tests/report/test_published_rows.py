"""The paper's rows below the measured ones."""

from dataclasses import replace
from io import StringIO

from frames import CELEBA, by_jury, record, rows, with_paper
from rich.console import Console

from sgbench.report.console import show
from sgbench.report.published import measured_and_published
from sgbench.report.tables import accuracy_table, score_table, target_table
from sgbench.results.records import to_frame


def test_target_accuracy_is_of_table_three_where_it_has_the_row_and_the_caption_says_so():
    table = target_table(*interleaved())
    assert rows(table) == {
        "SG-GAN (500)": ("**90.0** [89.0, 91.0]", "**90.0** [89.0, 91.0]"),
        "SG-GAN (500), published": ("93.26", "82.67"),
        "StarGAN (500)": ("**90.0** [89.0, 91.0]", "**90.0** [89.0, 91.0]"),
        "Real images": ("97.0", "97.0"),
        "Real images, published": ("99.00", "90.22"),
    }
    said = (
        "table 2 of the paper (SG-GAN (500): table 3 of the paper, which does not agree with table 2 on every number)"
    )
    assert f"Rows marked published: {said}, with" in table.caption
    assert "128x128 images of the full CelebA and the paper's own judge" in table.caption
    assert table.caption.endswith("The images here are 64x64.")


def test_accuracy_and_background_are_of_table_two_alone():
    table = accuracy_table(*interleaved())
    assert rows(table, "Target: Gender") == {
        "SG-GAN (500)": ("**90.0** [89.0, 91.0]", "**90.0** [89.0, 91.0]", "60.0"),
        "SG-GAN (500), published": ("93.36", "84.87", "70"),
        "StarGAN (500)": ("**90.0** [89.0, 91.0]", "**90.0** [89.0, 91.0]", "–"),
        "Real images": ("97.0", "97.0", "–"),
        "Real images, published": ("99.00", "90.22", "100"),
    }
    assert "SG-GAN (500), published" not in rows(table, "Target: Smile")
    published = table.cells[table.cells["origin"] == "published"]
    assert published["definition"].unique().tolist() == ["table 2 of the paper"]


def test_figures_by_the_jury_do_not_stand_in_for_the_papers_judge():
    """The paper's rows are by one ResNet-18: where it scored nothing, nothing of the paper is shown either."""
    frame = to_frame([by_jury("sggan", "500", t, t, 0.9, 0.01) for t in ("gender", "smile")]).assign(dataset="celeba")
    paper = interleaved()[2]
    assert target_table(frame, CELEBA, paper).cells.empty
    assert accuracy_table(frame, CELEBA, paper).cells.empty


def test_the_inception_score_has_the_papers_and_the_judge_score_never():
    frame, layout, paper = interleaved()
    assert rows(score_table(frame, layout, "inception_score", "Inception Score", paper)) == {
        "SG-GAN (500)": ("**3.10**",),
        "SG-GAN (500), published": ("3.30±0.147",),
        "StarGAN (500)": ("**3.10**",),
        "Real images": ("3.30",),
        "Real images, published": ("3.83±0.167",),
    }
    judged = score_table(frame, layout, paper=paper)
    assert "published" not in judged.caption + "".join(judged.cells["row"])


def test_variants_have_the_papers_rows_of_that_variant():
    frame = to_frame([record("sggan", "500", "gender", "gender", 0.2, variant=v) for v in ("", "residual")])
    frame = frame.assign(dataset="celeba")
    table = target_table(frame, CELEBA, interleaved()[2])
    assert rows(table)["SG-GAN (500, residual), published"] == ("18.77",)
    assert "table 2" not in table.caption


def test_what_makes_a_study_another_one_is_said_in_its_own_words():
    layout = replace(CELEBA, comparability="Here 8,000 images at 64x64.")
    frame, _, paper = interleaved()
    assert target_table(frame, layout, paper).caption.endswith(" Here 8,000 images at 64x64.")
    assert "Here 8,000" not in target_table(frame, layout).caption


TRAINED = "The published models were trained on gender, smile, hair color and lipstick"


def test_models_of_other_attributes_are_said_to_be_others():
    frame, _, paper = interleaved()
    own = ("gender", "hair_color", "lipstick", "pale_skin")
    caption = target_table(frame, replace(CELEBA, attributes={a: a.title() for a in own}), paper).caption
    other = "those here on gender, hair color, lipstick and pale skin: they are not the same models."
    assert f"without intervals. {TRAINED}, {other} The images" in caption


def test_models_of_the_same_attributes_are_not_said_to_be_others():
    frame, _, paper = interleaved()
    own = ("smile", "gender", "lipstick", "hair_color")
    caption = accuracy_table(frame, replace(CELEBA, attributes={a: a.title() for a in own}), paper).caption
    assert f"without intervals. {TRAINED}. The images" in caption


def test_published_figures_of_real_images_are_no_models():
    frame, layout, paper = interleaved()
    caption = target_table(frame[frame["method"] != "sggan"], layout, paper).caption
    assert "Rows marked published" in caption
    assert "models" not in caption


def test_the_screen_shows_no_published_rows():
    frame, layout = with_paper()
    consoles = [Console(file=StringIO(), width=100) for _ in range(2)]
    show(frame, layout, consoles[0])
    show(measured_and_published(frame)[0], layout, consoles[1])
    assert consoles[0].file.getvalue() == consoles[1].file.getvalue()
    (row,) = [line.split() for line in consoles[0].file.getvalue().splitlines() if "SG-GAN" in line]
    assert row == ["SG-GAN", "(500)", "88.0±3.0", "88.0", "60.0", "88.0±3.0", "88.0", "–"]


def interleaved():
    """Arguments of a table: what was measured, its layout, what was published."""
    frame, layout = with_paper()
    measured, paper = measured_and_published(frame)
    return measured, layout, paper
