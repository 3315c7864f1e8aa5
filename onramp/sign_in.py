"""The user's own sign-in, and what to do without one. The only azure import of this package."""

import re
from typing import Any, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential

from onramp.errors import CliError

# learn.microsoft.com/entra/identity-platform/reference-error-codes
_ENTRAS = re.compile(r"AADSTS(\d+).*?(?=\s*(?:Trace ID|Timestamp|\n|$))")
_CURES = {
    "500011": "Check --audience: api://<client id> of the app's registration, in your tenant.",
    "65001": "Somebody has to consent that the Azure CLI calls the app: in its registration, "
    "Expose an API, Authorized client applications.",
}
_TOOL_S = 60  # for az and its like; the credential's own 10 s are short on a busy machine
_ANEW = "Run az login again; --tenant names the tenant that is meant."


class SignIn:
    """An azure credential whose failure is for people to read.

    What it tries, in order: learn.microsoft.com/azure/developer/python/sdk/authentication/
    credential-chains.
    """

    def __init__(self) -> None:
        self._credential = DefaultAzureCredential(process_timeout=_TOOL_S)

    async def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        try:
            return await self._credential.get_token(*scopes, **more)
        except ClientAuthenticationError as exc:
            raise _refused(exc) from exc

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        try:
            return await self._credential.get_token_info(*scopes, options=options)
        except ClientAuthenticationError as exc:
            raise _refused(exc) from exc

    async def close(self) -> None:
        await self._credential.close()

    async def __aenter__(self) -> Self:
        await self._credential.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._credential.close()


def _refused(exc: ClientAuthenticationError) -> CliError:
    """In Entra's words if it was asked: who is signed in may still get no token."""
    if found := _ENTRAS.search(exc.message):
        said, code = found[0].rstrip(". "), found[1]
        return CliError(f"Entra gives no token: {said}", _CURES.get(code, _ANEW))
    return CliError(
        "you are not signed in to Azure",
        "Run az login; in a pipeline set AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret or a "
        "federated token. --debug tells what was tried.",
    )
