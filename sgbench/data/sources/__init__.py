"""Data sets: embedded faces, CelebA, and images of the user."""
