"""The page that joins the reports of several parts."""

import re
import shutil

import pytest
from claim_scores import COPY, FIGURE4, FOUR, MAIN, REAL, SGGAN, STARGAN, changes, systems
from claim_studies import study_of

from sgbench.claims.paper import CLAIMS
from sgbench.report import making
from sgbench.report.making import make_report
from sgbench.report.overview import check_free, write_overview
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import BrokenFile, UserError


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The tables, where StarGAN is better at hair colour, and figure 4, which has a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_comparisons", lambda *_: None)
        root = tmp_path_factory.mktemp("runs")
        own = systems((REAL, COPY, *MAIN), FOUR, **changes(STARGAN, target=1.0))
        main = study_of(root, own, FOUR, "mine-main", items=("table1", "table2", "table3", "figure3", "figure6"))
        make_report(main, pictures=False)  # before the other study's systems of the same names take their place
        own = systems((REAL, COPY, SGGAN, STARGAN), FIGURE4)
        figure4 = study_of(root, own, FIGURE4, "mine-figure4", items=("figure4",))
        make_report(figure4, pictures=False)
        figure4.report.figure("figure4").write_bytes(b"a picture")
    return main, figure4


@pytest.fixture(scope="module")
def page(studies):
    runs = studies[0].runs
    return write_overview(runs.overview("mine"), "mine", studies).read_text(encoding="utf-8")


def _cells(page, start):
    rows = [line for line in page.splitlines() if re.match(start, line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in rows]


@pytest.mark.slow
def test_every_part_is_named_with_what_it_shows(page):
    parts = _cells(page, r"\| \[mine")
    assert [part[0] for part in parts] == [f"[mine-{n}](mine-{n}/report/report.md)" for n in ("main", "figure4")]
    assert parts[0][1].startswith("Table 1: Inception Score; Table 2: ")
    assert parts[1][1:] == ["Figure 4: Results and residuals with all labels", *parts[1][2:]]
    assert parts[1][3] == "Gender, Hair color, Lipstick, Pale skin"


@pytest.mark.slow
def test_each_claim_has_the_verdict_of_the_report_that_tests_it(page):
    rows = _cells(page, r"\| C\d: ")
    assert [row[0] for row in rows] == [f"{claim.name}: {claim.sentence}" for claim in CLAIMS]
    verdicts = {row[0][:2]: row[1:] for row in rows}
    assert verdicts["C9"][0] == verdicts["C9"][2] == "refuted"
    assert verdicts["C9"][3] == "[mine-main](mine-main/report/report.md)"
    assert verdicts["C6"][3] == "[mine-figure4](mine-figure4/report/report.md)"
    assert verdicts["C6"][2] == "no numbers in the paper"
    assert verdicts["C5"] == ["not tested", "needs figure5", "–", "–"]


@pytest.mark.slow
def test_the_order_on_other_data_is_open_without_any(page):
    assert "## The order on other data" in page
    assert "No study of other data with two of these systems" in page


@pytest.mark.slow
def test_the_order_on_other_data_of_a_study_beside(studies, tmp_path):
    """The same study once more, as if its records were of photographs, has the same order."""
    root = tmp_path / "runs"
    shutil.copytree(studies[0].runs.root, root)
    here = [StudyFolder(root / study.path.name) for study in studies]
    shutil.copytree(here[0].path, root / "photos")
    records = StudyFolder(root / "photos").report.records_file
    records.write_text(records.read_text().replace(",faces,", ",celeba,"))
    page = write_overview(RunFolder(root).overview("mine"), "mine", here).read_text(encoding="utf-8")
    assert re.search(r"mine-main\]\(.*\) \(faces\) and \[photos\]\(.*\) \(celeba\), \d+ systems in both", page)
    assert "| Target accuracy" in page
    assert "No study of other data" not in page


@pytest.mark.slow
def test_pictures_and_pages_it_leads_to_are_there(studies, page):
    links = set(re.findall(r"\]\(([^)]*)\)", page))
    assert "mine-figure4/report/figure4.png" in links
    assert all((studies[0].runs.root / link).is_file() for link in links)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["", "claim,measured\nC1,upheld\n", "claim,measured,why,published,published_why\nC1,upheld\n"]
)
def test_a_broken_table_of_verdicts_is_named(studies, text):
    path, _ = studies[1].report.table_files("verdicts")
    kept = path.read_bytes()
    path.write_text(text)
    with pytest.raises(BrokenFile, match=r"verdicts\.csv: is broken .*run the study's command again"):
        write_overview(studies[0].runs.overview("mine"), "mine", studies)
    path.write_bytes(kept)


def test_a_page_of_the_users_is_not_overwritten(tmp_path):
    page = tmp_path / "mine.md"
    check_free(page, "mine")
    page.write_text("# mine: the paper's experiments\n\nas made before")
    check_free(page, "mine")
    page.write_text("# my notes\n")
    with pytest.raises(UserError, match=r"mine\.md: is there already and is no page of these experiments; move it"):
        check_free(page, "mine")
