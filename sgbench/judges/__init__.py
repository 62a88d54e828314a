"""Judges: networks that tell attributes, their training and their cache."""
