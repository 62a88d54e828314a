"""What every part leans on: errors, whole files, hashes, names of code, the screen, the environment."""
