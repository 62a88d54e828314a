"""Judges: networks that recognise attributes, their training and their cache."""
