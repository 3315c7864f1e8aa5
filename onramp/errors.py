"""What the command line says when it can't do what was asked."""


class CliError(Exception):
    """One line of what is wrong, one of what to do."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what, self.do = what, do
