"""Compares new records with reference records, and writes down what moved.

Only ``by_images`` needs torch, and it is imported only where both sides have per-image scores.
"""
