"""The one error that the kit raises on purpose."""


class KitError(Exception):
    """Something that the reader of the message can mend; its text says what, where and how."""
