"""Metrics: one file each, on tensors and posteriors, never on networks."""
