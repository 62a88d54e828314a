"""Reports: tables, figures and the page, made from records, scores and samples."""

import sgbench.report.style  # noqa: F401  (matplotlib is imported there first)
