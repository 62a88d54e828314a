"""The section on the paper's claims in a report, its table, and what verification finds there."""

import re
from html import unescape
from types import SimpleNamespace

import pandas as pd
import pytest
from claim_scores import COPY, FIGURE4, FOUR, MAIN, REAL, SGGAN, SGGAN_500, STARGAN, changes, systems
from claim_studies import study_of
from many import many

from sgbench.claims import measuring
from sgbench.claims.paper import CLAIMS
from sgbench.report import making
from sgbench.report.making import make_report
from sgbench.report.verification import verify
from sgbench.support.markdown import anchor

NUM_CONTRASTS = sum(len(claim.contrasts) for claim in CLAIMS)


@pytest.fixture(scope="module", autouse=True)
def no_paired_tests():
    """They take long, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_comparisons", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    """The report of the tables' systems; StarGAN is made better at hair colour, residual images as good as refined."""
    other = changes(STARGAN, target=1.0) | changes(("sggan", "500", "residual"), target=0.95)
    own = systems((REAL, COPY, *MAIN), FOUR, **other)
    study = study_of(tmp_path_factory.mktemp("runs"), own, FOUR)
    make_report(study, pictures=False)
    study.write_checksums()
    page = study.report.page.read_text(encoding="utf-8")
    return SimpleNamespace(study=study, page=page, table=pd.read_csv(study.report.table_files("claims")[0]))


def section(page):
    """The lines of the section."""
    return page.split("## Claims of the paper\n")[1].split("\n## ")[0].splitlines()


@pytest.mark.slow
def test_every_claim_has_its_verdicts_refuted_as_plainly_as_upheld(main):
    rows = [line for line in section(main.page) if re.match(r"\| C\d: ", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    assert [cell[0] for cell in cells] == [f"{claim.name}: {claim.sentence}" for claim in CLAIMS]
    assert [cell[1] for cell in cells] == [
        "upheld", "upheld", "refuted", "undecided", "not tested", "not tested", "upheld", "upheld", "refuted"
    ]  # fmt: skip
    assert [cell[3] for cell in cells] == [
        *["upheld"] * 4,
        "no numbers in the paper",
        "no numbers in the paper",
        "upheld",
        "no numbers in the paper",
        "refuted",
    ]
    assert cells[3][2] == "0 of 7 comparisons for it; no Inception weights"


def test_the_page_in_html_has_the_same_verdicts_and_evidence(main):
    page = main.study.report.index.read_text(encoding="utf-8")
    verdicts = pd.read_csv(main.study.report.table_files("verdicts")[0])
    assert re.findall(r'<span class="verdict" data-verdict="([^"]+)"', page) == verdicts["measured"].tolist()
    assert [claim.name for claim in CLAIMS if claim.sentence not in unescape(page)] == []
    headings = [line.strip("*") for line in section(main.page) if line.startswith("**")]
    assert len(headings) > 3
    assert re.findall(r'id="evidence-\d+">\s*<h3>([^<]+)</h3>', page) == headings


def test_the_evidence_is_in_full_in_the_table(main):
    table = main.table
    assert len(table) == NUM_CONTRASTS
    assert not table.duplicated(["claim", "figure", "comparison"]).any()
    assert table[table["claim"] == "C9"]["says"].tolist() == ["against", "for", "for", "for", "for", "for"]
    row = table[table["claim"] == "C2"].iloc[0]
    assert (row["figure"], row["comparison"]) == ("Gender, target accuracy", "SG-GAN(500) − SG-GAN(all)")
    assert (row["margin"], row["num_seeds"], row["published_says"]) == (-0.07, 2, "for")
    assert row["published"] == pytest.approx(0.9336 - 0.9903)
    assert row["low"] < row["value"] < row["high"] < row["surely_below"]
    half = table[table["claim"] == "C8"].iloc[0]
    assert (half["figure"], half["comparison"][:24]) == ("Gender, change", "0.5 × SG-GAN(500, refine")
    kept = table[table["claim"] == "C7"].iloc[0]
    assert (kept["figure"], kept["comparison"]) == ("Gender, smile kept", "SG-GAN(all) − StarGAN(all)")


def test_verdicts_are_a_table_of_their_own(main):
    table = pd.read_csv(main.study.report.table_files("verdicts")[0]).set_index("claim")
    assert table.index.tolist() == [claim.name for claim in CLAIMS]
    assert table.loc["C9", ["measured", "published"]].tolist() == ["refuted", "refuted"]
    assert table.loc["C4", "why"] == "0 of 7 comparisons for it; no Inception weights"
    assert table.loc["C5", "measured"] == "not tested"


def test_evidence_is_shown_rounded_with_a_link_to_its_cells(main):
    lines = section(main.page)
    assert "**C9, refuted**" in lines
    row = next(line for line in lines if line.startswith("| Hair color, target accuracy: SG-GAN(all) − StarGAN(all)"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert re.fullmatch(r"-3\.\d \[-\d\.\d, -\d\.\d\]", cells[1])
    assert cells[2:] == ["0.0", "2", "against", "-0.54", "[Target accuracy](#target-accuracy)"]
    headings = [anchor(line.lstrip("# ")) for line in main.page.splitlines() if line.startswith("#")]
    links = re.findall(r"\]\(#([^)]*)\)", "\n".join(lines))
    assert set(links) == {"target-accuracy", "accuracy-and-background", "beyond-the-paper"}
    assert all(headings.count(link) == 1 for link in links)
    assert "[verdicts.csv](verdicts.csv), [verdicts.tex](verdicts.tex)" in lines
    assert "[claims.csv](claims.csv), [claims.tex](claims.tex)" in lines
    assert "**C5, not tested**" not in lines


def test_the_latex_table_has_sentences_verdicts_and_evidence(main):
    verdicts, text = (main.study.report.table_files(n)[1].read_text(encoding="utf-8") for n in ("verdicts", "claims"))
    assert "C9: With hair colour as target" in verdicts
    assert "C9 & refuted & refuted" in verdicts
    assert "\\textbf{C9, refuted: Hair color, target accuracy} & Difference" in text
    rows = [line for line in text.splitlines() if line.startswith("SG-GAN(all) $-$ StarGAN(all) & $-$3.")]
    assert len(rows) == 1
    assert rows[0].endswith("& 0.0 & against & $-$0.54 \\\\")


@pytest.mark.slow
def test_verification_makes_the_section_again_and_finds_a_changed_figure(tmp_path, monkeypatch):
    study = study_of(tmp_path, systems((REAL, COPY, SGGAN, SGGAN_500), ("gender",)), ("gender",))
    make_report(study, pictures=False)
    study.write_checksums()
    estimate = measuring.bounded_interval
    for factor, same in ((1 + 3e-13, True), (1 + 1e-6, False)):  # the first as of sums in another order
        moved = lambda *a, factor=factor: tuple(end * factor for end in estimate(*a))  # noqa: E731
        monkeypatch.setattr(measuring, "bounded_interval", moved)
        problems = verify(study.path).problems
        assert not problems if same else any("claims.csv" in problem for problem in problems)


def test_a_report_that_allows_no_claim_has_no_section(tmp_path):
    study = many(tmp_path, 2)
    make_report(study, pictures=False)
    assert "Claims of the paper" not in study.report.page.read_text(encoding="utf-8")
    assert not study.report.table_files("claims")[0].exists()


@pytest.mark.slow
def test_figure_4_decides_how_pale_skin_looks(tmp_path):
    study = study_of(tmp_path, systems((REAL, COPY, SGGAN, STARGAN), FIGURE4), FIGURE4, items=("figure4",))
    make_report(study, pictures=False)
    lines = section(study.report.page.read_text(encoding="utf-8"))
    assert "**C6, upheld**" in lines
    assert sum(line.startswith("**C") for line in lines) == 1


def test_levels_stand_for_the_papers_and_scores_by_custom_weights_do_not(tmp_path):
    here = ("sggan", "50", "")
    own = systems((REAL, COPY, SGGAN, STARGAN, here), ("gender",), seeds=(0,), inception=True)
    told = {"items": ("table1", "table2"), "paper_levels": {"50": "500"}}
    study = study_of(tmp_path, own, ("gender",), inception_name="Inception (custom weights)", **told)
    make_report(study, pictures=False)
    page = study.report.page.read_text(encoding="utf-8")
    assert "here they are 50 for its 500." in page
    assert "Gender, target accuracy: SG-GAN(500) − SG-GAN(all)" in page
    assert "no systems of table3" in page
    table = pd.read_csv(study.report.table_files("claims")[0])
    notes = table[(table["claim"] == "C4") & (table["target"] == "gender")]["note"].tolist()
    assert notes == [making.OTHER_WEIGHTS, "no ResidualGAN(all)"]
