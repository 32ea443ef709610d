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


def reason(error: Exception) -> str:
    """Why something failed, in a line for a message; the error may quote a hostile file."""
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    missing = isinstance(error, KeyError) and error.args
    return one_line(f"{error.args[0]} is missing" if missing else str(error)) or type(error).__name__


def one_line(text: str) -> str:
    """A text as one printable line of at most 200 letters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))[:200]
