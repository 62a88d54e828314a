"""The commands: each reads its arguments, makes one call and returns an exit status."""
