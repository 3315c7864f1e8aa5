"""The two ways in which an expression ends without a value."""


class ExpressionRefused(Exception):
    """It uses something that this subset of C# does not have; no ``catch`` sees it."""


class CSharpError(Exception):
    """What C# would throw: a ``catch`` of the expression sees it.

    Attributes:
        kind: The .NET exception, without its namespace.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
