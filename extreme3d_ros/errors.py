"""What can go wrong for a user, each with the command line's exit status. The message says what to do."""


class Extreme3DError(Exception):
    """Base of the errors that are the user's to mend; the message is one line and says how."""

    exit_status = 1

    def __str__(self) -> str:
        """One line whatever is quoted in it: of a file's name, say, that has line ends or bytes of no text."""
        said = super().__str__()
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said)


class InputError(Extreme3DError):
    """Wrong use, or input that cannot be read."""

    exit_status = 2


class NoFaceError(Extreme3DError):
    """An image shows no face."""

    exit_status = 3


class ModelFileError(Extreme3DError):
    """A model or engine file is missing or broken."""

    exit_status = 4
