"""Data sets, labels, requests and batches."""
