"""``Microsoft.CognitiveServices/accounts``.

Shapes: learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts
"""

import re
import secrets
import uuid
from dataclasses import dataclass

from sandbox.arm.cognitive import deleted
from sandbox.arm.cognitive.busy import refuse_if_busy
from sandbox.arm.cognitive.endpoints import endpoint_of, endpoints_of
from sandbox.arm.errors import ArmError, not_found
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import (
    Context,
    LongRunning,
    Reply,
    Request,
    merge_patch,
    object_of,
    paged,
    text_of,
)
from sandbox.arm.resources import check_location, location_required, normalise_location
from sandbox.arm.store import Entry
from sandbox.arm.system_data import identity, system_data, timestamp
from sandbox.contracts import Json

TYPE = "Microsoft.CognitiveServices/accounts"
# learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,63}")
_SUBDOMAIN = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?")
# Members of properties that a client may set; the rest is the service's own.
_READ_ONLY = ("endpoint", "endpoints", "provisioningState", "internalId", "dateCreated", "restore")


@dataclass(frozen=True, slots=True)
class Accounts:
    context: Context

    def get(self, request: Request) -> Reply:
        return shown(self.entry(request.path))

    def head(self, request: Request) -> Reply:
        # learn.microsoft.com/rest/api/resources/resources/check-existence-by-id: 204 or 404
        self.entry(request.path)
        return Reply(204)

    def list_in_subscription(self, request: Request) -> Reply:
        entries = self.context.store.of_type(TYPE, request.path.scope)
        return paged(request, [render(entry) for entry in entries])

    def put(self, request: Request) -> Reply:
        path, body = request.path, request.json()
        have = self.context.store.get(path.id)
        if have is None and not _NAME.fullmatch(path.name):
            # Code and text are UNVERIFIED.
            raise ArmError(400, "AccountNameInvalid", f"The account name '{path.name}' is invalid.")
        location = text_of(body, "location")
        if not location:
            raise location_required()
        if have:
            check_location(have, location, path)
        for member in ("kind", "sku"):
            if not body.get(member):
                # UNVERIFIED wording; both are required by the spec.
                raise ArmError(400, "BadRequest", f"The {member} property is required.")
        refuse_if_busy(self.context, path)
        gone = deleted.find(self.context, path, normalise_location(location))
        restoring = (body.get("properties") or {}).get("restore") is True
        if have is None and gone is not None:
            if not restoring:
                raise deleted.flag_must_be_set(path)
            return self._restore(request, gone)
        return self._write(request, body, have)

    def patch(self, request: Request) -> Reply:
        entry = self.entry(request.path)
        refuse_if_busy(self.context, request.path)
        shown = ("tags", "sku", "kind", "identity", "properties")
        # That tags merge here, as everything else does, is UNVERIFIED: some providers replace them.
        patch = {key: value for key, value in request.json().items() if key in shown}
        return self._write(request, merge_patch(entry.copy_body(), patch), entry)

    def delete(self, request: Request) -> Reply:
        entry = self.context.store.get(request.path.id)
        if entry is None:
            return Reply(204)
        refuse_if_busy(self.context, request.path)
        self._set_state(entry, "Deleting")

        def finish() -> Reply:
            deleted.bury(self.context, request.path)
            return Reply(200)

        work = LongRunning(f"{TYPE}/delete", finish, poll="location", locks=(request.path.key,))
        return Reply(202, long_running=work)

    def list_keys(self, request: Request) -> Reply:
        entry = self.entry(request.path)
        if entry.body["properties"].get("disableLocalAuth") is True:
            raise ArmError(
                400, "BadRequest", "Failed to list key. disableLocalAuth is set to be true."
            )
        return Reply(body=dict(entry.hidden), secret=True)

    def regenerate_key(self, request: Request) -> Reply:
        entry, name = self.entry(request.path), str(request.json().get("keyName", "")).lower()
        if name not in entry.hidden:
            raise ArmError(400, "InvalidKeyName", "The keyName must be Key1 or Key2.")
        keys = {**entry.hidden, name: secrets.token_hex(16)}
        self.context.store.put(
            ResourcePath.parse(entry.id), entry.body, now=self.context.clock(), hidden=keys
        )
        return Reply(body=keys, secret=True)

    def entry(self, path: ResourcePath) -> Entry:
        entry = self.context.store.get(path.id)
        if entry is None:
            raise not_found(f"{TYPE}/{path.name}", path.resource_group)
        return entry

    def _restore(self, request: Request, gone: Entry) -> Reply:
        deleted.unearth(self.context, gone)
        return Reply(200, render(self.entry(request.path)), is_create=True)

    def _write(self, request: Request, body: Json, have: Entry | None) -> Reply:
        path = request.path
        keys = None if have else {"key1": secrets.token_hex(16), "key2": secrets.token_hex(16)}
        stored = self._stored(request, body, have)
        entry = self.context.store.put(path, stored, now=self.context.clock(), hidden=keys)

        def finish() -> Reply:
            current = self.context.store.get(path.id)
            if current is None:
                raise not_found(f"{TYPE}/{path.name}", path.resource_group)
            return shown(self._set_state(current, "Succeeded"))

        def fail() -> None:
            current = self.context.store.get(path.id)
            if current is not None:
                self._set_state(current, "Failed")

        work = LongRunning(f"{TYPE}/write", finish, locks=(path.key,), fail=fail)
        # 201 "Creating" with a body, an ETag and polling headers: Azure/azure-cli, recordings/
        # test_cognitiveservices_deployment.yaml. 200 on update (spec accepts 200, 201, 202).
        return shown(entry, 200 if have else 201, work)

    def _stored(self, request: Request, body: Json, have: Entry | None) -> Json:
        path, now = request.path, self.context.clock()
        kind, location = text_of(body, "kind"), normalise_location(text_of(body, "location"))
        given = {
            key: value
            for key, value in object_of(body, "properties").items()
            if key not in _READ_ONLY and value is not None
        }
        subdomain = self._subdomain(path, text_of(given, "customSubDomainName"), have)
        own = have.body["properties"] if have else {}
        return {
            "id": have.id if have else path.id,
            "name": have.name if have else path.name,
            "type": TYPE,
            "location": location,
            "kind": kind,
            "sku": {"name": str(object_of(body, "sku").get("name", "S0"))},
            **({"tags": body["tags"]} if body.get("tags") else {}),
            **identity(path.id, body.get("identity"), request.principal.tenant_id),
            "systemData": system_data(request, have, now),
            "properties": {
                "publicNetworkAccess": "Enabled",
                "isMigrated": False,
                "privateEndpointConnections": [],
                **given,
                **({"customSubDomainName": subdomain} if subdomain else {}),
                "endpoint": endpoint_of(kind, subdomain, location),
                "endpoints": endpoints_of(kind, subdomain, location),
                "internalId": own.get("internalId") or uuid.uuid4().hex,
                "dateCreated": own.get("dateCreated") or timestamp(now),
                "provisioningState": "Accepted" if have else "Creating",
            },
        }

    def _subdomain(self, path: ResourcePath, wanted: str, have: Entry | None) -> str | None:
        old: str | None = have.body["properties"].get("customSubDomainName") if have else None
        if not wanted or wanted.lower() == (old or "").lower():
            return old
        if old:
            # It can't be changed once set; code UNVERIFIED
            # (learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains).
            raise ArmError(400, "CustomDomainChangeNotAllowed", "The subdomain can't be changed.")
        if not _SUBDOMAIN.fullmatch(wanted):
            raise ArmError(400, "InvalidCustomDomain", f"The subdomain '{wanted}' is invalid.")
        if self.subdomain_taken(wanted, except_id=path.key):
            # github.com/Azure-Samples/azuresandbox/issues/164
            raise ArmError(
                409,
                "CustomDomainInUse",
                f"Please pick a different name. The subdomain name '{wanted}' is not available as "
                "it's already used by a resource. If the resource using the name was deleted in "
                "the last 48 hours, you may need to purge the deleted resource.",
            )
        return wanted

    def subdomain_taken(self, wanted: str, except_id: str = "") -> bool:
        holders = (*self.context.store.of_type(TYPE), *deleted.all_of(self.context, ""))
        return any(
            entry.body["properties"].get("customSubDomainName", "").lower() == wanted.lower()
            for entry in holders
            if entry.id.lower() != except_id
        )

    def _set_state(self, entry: Entry, state: str) -> Entry:
        body = entry.copy_body()
        body["properties"]["provisioningState"] = state
        return self.context.store.put(ResourcePath.parse(entry.id), body, now=self.context.clock())


def render(entry: Entry) -> Json:
    return {**entry.body, "etag": entry.etag}


def shown(entry: Entry, status: int = 200, work: LongRunning | None = None) -> Reply:
    """One resource as the answer, with its ETag in the body and as a header."""
    return Reply(status, render(entry), {"ETag": entry.etag}, long_running=work)
