"""Plain float32 training of the three methods, written from their description alone, to compare faster code with."""

WIDTHS = {
    "sggan": {32: (1, 2, 4, 8), 64: (1, 2, 4, 8, 8), 128: (1, 2, 4, 8, 8, 16), 256: (1, 2, 4, 8, 8, 16)},
    "stargan": {32: (1, 2, 4, 8), 64: (1, 2, 4, 8, 16), 128: (1, 2, 4, 8, 16, 32), 256: (1, 2, 4, 8, 16, 32)},
    "residualgan": {32: (1, 2, 4), 64: (1, 2, 4, 8), 128: (1, 2, 4, 8, 16), 256: (1, 2, 4, 8, 16, 16)},
}
"""Widths of the discriminators' stride-2 convolutions at each image size, in multiples of the base width."""
