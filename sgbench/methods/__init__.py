"""The contract of a method, its building blocks, and SG-GAN."""
