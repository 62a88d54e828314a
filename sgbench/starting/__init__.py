"""Files to begin with: a method of one's own that works, and the settings that run it."""
