"""A system -> per-image scores -> cells -> records."""
