"""Pages that are written by hand, and reports that are committed: what they link is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "reports/**/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages():
    assert {"README.md", "docs/departures.md", "reports/README.md"} <= {page.as_posix() for page in PAGES}


def test_the_site_has_every_page_and_is_built_in_ci():
    nav = re.findall(r"^ +- [^:]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(nav) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    for file in (".ci/run", ".github/workflows/metrics.yml"):
        assert "make docs" in (ROOT / file).read_text(encoding="utf-8")
    (command,) = re.findall(r"mkdocs build.*", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert command == "mkdocs build --strict"  # where it is quiet, it counts no warnings


@pytest.mark.parametrize("page", PAGES, ids=Path.as_posix)
def test_links_within_the_repository_lead_somewhere(page):
    for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page.parent / path) if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
