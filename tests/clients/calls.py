"""What a call of a client is, and what it is expected to reach."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

BASE = "base"  # where the account's APIs are, below the gateway
KEY = "a-key-of-the-gateway"
DEPLOYMENT = "my-deployment"
HELLO = [{"role": "user", "content": "hello"}]

type Use = Callable[[Any], object]  # of a client that was made
type Make = Callable[[str], object]  # a whole call, below this address of the gateway


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client.

    Attributes:
        operation: None where it is deliberately not covered.
        deployment: The name that is found where the operation says that it is.
    """

    client: str
    make: Make
    surface: str | None = None
    operation: str | None = None
    deployment: str | None = DEPLOYMENT

    def __str__(self) -> str:
        return f"{self.client} {self.operation}" if self.operation else self.client


def sdk(name: str) -> Any:
    """A client's module, at first use: collecting the tests must not take the seconds of all."""
    return import_module(name)
