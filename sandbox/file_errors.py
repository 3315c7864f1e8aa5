"""What is wrong with a file that a person wrote, in one line per member."""

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """``accounts.0.nme: Extra inputs are not permitted``, without pydantic's links."""
    lines = (
        f"{'.'.join(str(part) for part in item['loc']) or 'the whole'}: {item['msg']}"
        for item in error.errors(include_url=False)
    )
    return "\n  ".join(("", *lines))
