"""Check a policy document without a service: what a save would say of it."""

from sandbox.arm.apim.policies import Exists, Scope, check, size_limit
from sandbox.arm.apim.policy_reader import PolicySyntaxError, parse
from sandbox.arm.apim.policy_xml import Format


def everything(_collection: str, _name: str) -> bool:
    """For documents whose backends, fragments and named values are taken for granted."""
    return True


def only(*entities: tuple[str, str]) -> Exists:
    """Just these exist: ``only(("backends", "one"), ("namedValues", "key"))``."""
    known = {(collection, name.lower()) for collection, name in entities}
    return lambda collection, name: (collection, name.lower()) in known


def check_policy(
    text: str,
    *,
    scope: Scope = "api",
    tier: str = "Developer",
    exists: Exists = everything,
    content_format: Format = "xml",
) -> list[str]:
    """Every reason why the document can't be saved; empty if it can.

    Scope ``handshake`` is the operation of a WebSocket API. ``exists`` says whether an entity that
    the document names is there, by collection and name.
    """
    limit = size_limit(tier, scope)
    if len(text.encode()) > limit:
        return [f"The policy document exceeds the limit of {limit} bytes."]
    try:
        tree = parse(text, content_format)
    except PolicySyntaxError as exc:
        return [str(exc)]
    return [found.message for found in check(tree, scope=scope, tier=tier, exists=exists)]
