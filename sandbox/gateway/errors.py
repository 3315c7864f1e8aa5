"""How a request ends before its time."""

from collections.abc import Mapping

from sandbox.contracts import Json


class GatewayError(Exception):
    """The gateway answers by itself, after the on-error section.

    Sources and reasons: learn.microsoft.com/azure/api-management/
    api-management-error-handling-policies, "Predefined errors".

    Attributes:
        message: What the client reads; of a 500 the client reads the usual words, and this beside
            them, which only a sandbox tells.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str,
        source: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.source = source
        self.headers = dict(headers or {})

    def body(self, activity_id: str) -> Json:
        if self.status != 500:
            return {"statusCode": self.status, "message": self.message}
        return {
            "statusCode": 500,
            "message": "Internal server error",
            "activityId": activity_id,
            "sandbox": f"{self.source}: {self.message}",
        }


class Answered(Exception):
    """``return-response``: the pipeline ends with what the exchange has as its response."""


def failure(source: str, message: str, reason: str = "PolicyFailure") -> GatewayError:
    """A 500 that names the policy."""
    return GatewayError(500, message, reason=reason, source=source)
