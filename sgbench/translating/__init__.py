"""Trained models put to use: named, read from their folders alone, and given photographs to translate."""
