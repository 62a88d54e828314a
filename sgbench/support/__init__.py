"""What every package uses: errors, writing of files, hashes, loading of code, the screen, the environment."""
