"""The doors: arguments in, one call, exit status out."""
