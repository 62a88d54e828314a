"""Jobs carried out: here, or in several processes."""
