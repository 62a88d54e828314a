"""What a user can mend: shown as one line, exit status 2."""


class UserError(Exception):
    """Bad input; the message names the file, key or row and the remedy."""
