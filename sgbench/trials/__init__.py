"""Methods tried before they are trained: a dry step of each in a study, the whole contract in ``sgbench check``."""
