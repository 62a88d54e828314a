"""sgbench: facial attribute manipulation when labels are scarce."""

__version__ = "0.1.0"
