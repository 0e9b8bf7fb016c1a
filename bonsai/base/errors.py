"""The one error of the runner that is meant for a person."""


class BonsaiError(Exception):
    """A mistake that the reader can mend; its text says what was wrong, where, and what to do.

    Attributes:
        exit_code: the status with which a command ends because of it.
    """

    exit_code = 2
