"""Data sets: embedded faces, CelebA, one's own images."""
