"""Metrics, one file each. They take tensors and posteriors, never networks."""
