"""New records held against reference records: what moved, and how that is written down. Nothing here needs torch."""
