"""What an answer of ARM or API Management means for whoever asked: one table.

Decided by status, code and message, never by an exception's class: azure-core calls every 409
"already exists". Sources are issues where people met the answer; see docs/reliability.md.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Meaning(Enum):
    MISSING = "missing"  # what was asked for isn't there
    STALE = "stale"  # it changed since it was read: read, decide, write again
    BUSY = "busy"  # the same request may succeed in seconds
    LATER = "later"  # not now, unless the answer names a short wait
    DENIED = "denied"  # a role is missing, or has not spread yet
    DONE = "done"  # it is as was asked for already
    REJECTED = "rejected"  # the same request will never succeed


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    code: str  # regular expressions over code and message, case ignored
    message: str
    meaning: Meaning
    source: str


_MISSING = "^(Parent)?Resource(Group)?NotFound$|^DeploymentNotFound$|^RoleAssignmentNotFound$"
# What an operation that was accepted can fail with for good; anything else may pass.
_REFUSED_LATER = re.compile(
    "Validation|Invalid|BadRequest|NotSupported|AlreadyInUse|ScopeLocked|Disallowed", re.IGNORECASE
)

_TABLE = (
    _Row(409, "", "in progress", Meaning.BUSY, "Azure/apiops#379, Azure/apiops-cli#252"),
    _Row(
        409, "AnotherOperationInProgress", "", Meaning.BUSY, "Azure Resource Manager, common errors"
    ),
    _Row(
        409, "", "Link already exists", Meaning.DONE, "Azure/apiops-cli, isLinkAlreadyExistsError"
    ),
    # Somebody else gave the same role to the same identity.
    _Row(
        409,
        "RoleAssignmentExists",
        "",
        Meaning.DONE,
        "learn.microsoft.com/azure/role-based-access-control/troubleshooting",
    ),
    _Row(409, "RequestConflict", "", Meaning.BUSY, "terraform-provider-azurerm#22939"),
    _Row(409, "ManagementApiRequestFailed", "", Meaning.BUSY, "Azure/apiops#497"),
    _Row(422, "ManagementApiRequestFailed", "", Meaning.BUSY, "Azure/apiops#497"),
    _Row(412, "", "", Meaning.STALE, "Azure/apiops#486"),
    _Row(400, "", "modified since last retrieval", Meaning.STALE, "azure-powershell#3817"),
    _Row(400, "ValidationError", "identifier not found", Meaning.BUSY, "Azure/apiops#513"),
    _Row(400, "ValidationError", "could not be found", Meaning.LATER, "Azure/apiops#565"),
    _Row(400, "ValidationError", "Tag with the same name", Meaning.BUSY, "Azure/apiops#770"),
    # The identity is new, and not known everywhere yet.
    _Row(
        400,
        "PrincipalNotFound",
        "",
        Meaning.LATER,
        "learn.microsoft.com/azure/role-based-access-control/troubleshooting",
    ),
    _Row(401, "", "", Meaning.DENIED, "learn.microsoft.com/azure/role-based-access-control"),
    _Row(403, "RequestDisallowedByPolicy", "", Meaning.REJECTED, "Azure Policy, deny effect"),
    _Row(403, "", "", Meaning.DENIED, "learn.microsoft.com/azure/role-based-access-control"),
    # Any other 404 (SubscriptionNotFound, InvalidResourceType, a proxy's) says nothing about it.
    _Row(404, _MISSING, "", Meaning.MISSING, "learn.microsoft.com/rest/api/apimanagement"),
    _Row(404, "", "", Meaning.LATER, "terraform-provider-azurerm#18268"),
    _Row(
        499, "ServerClosedRequest", "", Meaning.BUSY, "azure-api-management-devops-resource-kit#470"
    ),
    _Row(408, "", "", Meaning.BUSY, "azure-core retry policy"),
    _Row(429, "", "", Meaning.LATER, "learn.microsoft.com request-limits-and-throttling"),
)


def operation_meaning(code: str) -> Meaning:
    """What the failure of a long-running operation means; it has a code, but no status."""
    return Meaning.REJECTED if _REFUSED_LATER.search(code) else Meaning.LATER


def meaning(status: int, code: str, message: str) -> Meaning:
    """What an error answer means; a server error is BUSY, and an unknown client error REJECTED."""
    for row in _TABLE:
        if (
            row.status == status
            and re.search(row.code, code, re.IGNORECASE)
            and re.search(row.message, message, re.IGNORECASE)
        ):
            return row.meaning
    return Meaning.BUSY if status >= 500 else Meaning.REJECTED
