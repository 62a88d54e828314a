"""One table of systems from any studies that were scored by the same protocol."""
