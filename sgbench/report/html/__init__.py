"""The report as one self-contained HTML page: data for it, and the templates, styles and scripts that show them."""
