"""Faces, labels and batches."""
