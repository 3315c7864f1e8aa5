"""Azure Storage's errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, DeserializationError, HttpResponseError

from shared.errors import Unavailable


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Let nothing of azure's pass: whatever storage answers, trying again later is right."""
    try:
        yield
    except HttpResponseError as exc:
        code = getattr(exc, "error_code", None) or type(exc).__name__
        raise Unavailable(f"{what}: storage answered {exc.status_code} {code}") from exc
    except AzureError as exc:
        raise Unavailable(f"{what}: storage gave no answer ({type(exc).__name__})") from exc
    except DeserializationError as exc:  # a ValueError: somebody else answered, a proxy perhaps
        raise Unavailable(f"{what}: the answer is none of storage's") from exc
