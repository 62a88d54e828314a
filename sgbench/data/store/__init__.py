"""Packed images: decoded once, in memory-mapped shards."""
