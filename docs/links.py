"""Hook of mkdocs: a link to a file of the repository that is no page of the site becomes its path.

On the repository's own pages such links lead somewhere; on the site there is nothing to lead to. A link to a file that
does not exist stays, and the strict build fails on it.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^()\s#:]+)(#[^()\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs for each page."""
    folder = Path(page.file.abs_src_path).parent

    def shown(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        outside = target.exists() and not target.is_relative_to(ROOT / "docs")
        return f"{link[1]} (`{target.relative_to(ROOT).as_posix()}`)" if outside else link[0]

    return LINK.sub(shown, markdown)
