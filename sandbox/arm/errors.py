"""The one shape in which ARM says no.

``{"error": {"code", "message", "target"?, "details"?}}``
(github.com/microsoft/api-guidelines, azure/Guidelines.md, "Handling errors").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Detail:
    code: str
    message: str
    target: str | None = None

    def render(self) -> dict[str, Any]:
        return {"code": self.code, "target": self.target, "message": self.message}


@dataclass(slots=True, eq=False)
class ArmError(Exception):
    """Raised by a provider, answered by the server.

    ``details=None`` leaves the member out, ``()`` renders it as an empty list; API Management
    writes ``null`` instead, for which there is ``null_details``.
    """

    status: int
    code: str
    message: str
    target: str | None = None
    details: tuple[Detail, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    null_details: bool = False

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"

    def render(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details is not None:
            error["details"] = [detail.render() for detail in self.details]
        elif self.null_details:
            error["details"] = None
        return {"error": error}


def not_found(resource_id_tail: str, resource_group: str | None) -> ArmError:
    """The 404 of ARM itself for a resource that no provider knows.

    Text: learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
    """
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_id_tail}' under resource group '{resource_group}' was not found."
        " For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )
