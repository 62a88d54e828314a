"""Intervals, paired tests, and corrections for several tests."""
