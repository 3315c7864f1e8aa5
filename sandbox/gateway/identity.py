"""Tokens of the gateway's own identities."""

from dataclasses import dataclass

from sandbox.arm.system_data import client_id_of
from sandbox.gateway.configuration import Configuration
from sandbox.gateway.errors import failure
from sandbox.tokens import Directory, Identity, issue_token

_LIFETIME_S = 24 * 3600  # as long as managed identities' tokens are good for


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """The principals are those that ARM shows on the service."""

    directory: Directory

    def token(
        self, configuration: Configuration, *, resource: str, client_id: str, now: float
    ) -> str:
        """A token for *resource*, of the user-assigned identity *client_id* or the system's.

        learn.microsoft.com/azure/api-management/authentication-managed-identity-policy; that the
        audience is what was asked for, slash and all, is how Entra ID does it for applications.

        Raises:
            GatewayError: the service does not have the identity.
        """
        identity = self._identity(configuration, client_id.lower())
        if identity is None:
            which = f"with client id '{client_id}'" if client_id else "of its own"
            raise failure(
                "authentication-managed-identity", f"The service has no identity {which}."
            )
        return issue_token(
            self.directory, identity, audience=resource, now=int(now), lifetime_s=_LIFETIME_S
        )

    @staticmethod
    def _identity(configuration: Configuration, client_id: str) -> Identity | None:
        has = configuration.service.get("identity") or {}
        if not client_id:
            principal = has.get("principalId")
            own = client_id_of(configuration.service_id)
            return Identity(own, principal) if principal else None
        for resource_id, it in (has.get("userAssignedIdentities") or {}).items():
            if str(it["clientId"]).lower() == client_id:
                return Identity(client_id, it["principalId"], resource_id=resource_id)
        return None
