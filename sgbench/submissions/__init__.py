"""Translations made elsewhere: stored as pictures or arrays, or made on demand by somebody else's model."""
