"""The one exception for what a user can mend: its text is a whole sentence with the remedy."""


class InputError(Exception):
    """What was found, what was wanted, what to do; the command line prints it alone and exits with 2."""
