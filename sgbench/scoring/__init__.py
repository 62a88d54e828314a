"""Scores systems: makes per-image scores from a system, cells from scores, and records from cells."""
