"""Reports: tables, figures and the page, made from records, scores and samples."""
