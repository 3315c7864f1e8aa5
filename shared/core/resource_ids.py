"""Resource ids, after an allowlist: nothing else may reach a URL, a table key or a policy.

ARM compares names without regard to case and its events change the casing
(learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules), so an id is
kept lower-cased here and only here.
"""

import re
from dataclasses import dataclass
from typing import Self

from shared.errors import InvalidId

# Microsoft's rules for resource names, narrowed to ASCII; "." and ".." never pass, because
# azure clients normalise dot segments and would address another resource.
_SUBSCRIPTION = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_RESOURCE_GROUP = r"[a-z0-9_(][a-z0-9_().-]{0,88}[a-z0-9_()-]|[a-z0-9_(]"
_ACCOUNT = r"[a-z0-9][a-z0-9_.-]{1,63}"
# The portal allows letters, digits, - and _, yet names with dots exist (microsoft/aspire#17495).
_DEPLOYMENT = r"[a-z0-9][a-z0-9._-]{0,63}"
_SERVICE = r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?"

_GROUP_ID = (
    rf"/subscriptions/(?P<subscription>{_SUBSCRIPTION})"
    rf"/resourcegroups/(?P<group>{_RESOURCE_GROUP})"
)
_ACCOUNT_ID = re.compile(
    rf"{_GROUP_ID}/providers/microsoft\.cognitiveservices/accounts/(?P<account>{_ACCOUNT})"
    rf"(?:/deployments/(?P<deployment>{_DEPLOYMENT}))?",
)
_GATEWAY_ID = re.compile(
    rf"{_GROUP_ID}/providers/microsoft\.apimanagement/service/(?P<service>{_SERVICE})"
)
_DEPLOYMENT_NAME = re.compile(_DEPLOYMENT, re.IGNORECASE | re.ASCII)
MAX_ID_LENGTH = 400


@dataclass(frozen=True, slots=True, order=True)
class AccountId:
    """A Cognitive Services account, all parts lower-cased; the unit of the account topology."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an account's resource id.

        Raises:
            InvalidId: it is another type, or has characters outside the allowlist.
        """
        account, deployment = parse_account_or_deployment(text)
        if deployment is not None:
            raise InvalidId("that is a deployment's id, not an account's")
        return cls(account.subscription, account.resource_group, account.name)

    @property
    def arm_id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{self.name}"
        )


@dataclass(frozen=True, slots=True)
class GatewayId:
    """An API Management service, all parts lower-cased."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an API Management service's resource id.

        Raises:
            InvalidId: it is another type, or has characters outside the allowlist.
        """
        match = _GATEWAY_ID.fullmatch(text.strip().rstrip("/").lower())
        if match is None:
            raise InvalidId(
                "expected /subscriptions/<id>/resourceGroups/<name>"
                "/providers/Microsoft.ApiManagement/service/<name>"
            )
        return cls(match["subscription"], match["group"], match["service"])

    @property
    def arm_id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.ApiManagement/service/{self.name}"
        )


def parse_account_or_deployment(text: str) -> tuple[AccountId, str | None]:
    """Read the id of an account or of a model deployment (its name, lower-cased).

    Raises:
        InvalidId: it is another type (an ARM template deployment, say), or has characters
            outside the allowlist. The message never repeats *text*.
    """
    if len(text) > MAX_ID_LENGTH:
        raise InvalidId(f"the id is longer than {MAX_ID_LENGTH} characters")
    # Lower-casing turns some other letters into ASCII ones, which would be another account.
    match = _ACCOUNT_ID.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        raise InvalidId("not the id of a Cognitive Services account or of a deployment of one")
    account = AccountId(match["subscription"], match["group"], match["account"])
    return account, match["deployment"]


def is_deployment_name(name: str) -> bool:
    return _DEPLOYMENT_NAME.fullmatch(name) is not None


def is_subscription(text: str) -> bool:
    """True for a lower-cased subscription id."""
    return re.fullmatch(_SUBSCRIPTION, text) is not None
