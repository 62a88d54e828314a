"""Submissions: systems made elsewhere, given as stored results or as a model that is run here."""
