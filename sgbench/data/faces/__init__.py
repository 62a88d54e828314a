"""The renderer of embedded faces."""
