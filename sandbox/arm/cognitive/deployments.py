"""``Microsoft.CognitiveServices/accounts/deployments``.

Shapes: learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments.
A deployment has no location. Creating takes a while and answers 201 with ``Creating``; updating
answers 200, PATCH and DELETE 202 (examples of api-version 2025-06-01 in azure-rest-api-specs).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.arm.cognitive.accounts import render, shown
from sandbox.arm.cognitive.busy import refuse_if_busy
from sandbox.arm.cognitive.catalogue import Catalogue, Model, is_for
from sandbox.arm.errors import ArmError, not_found
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, LongRunning, Reply, Request, merge_patch, object_of, paged
from sandbox.arm.store import Entry
from sandbox.arm.system_data import system_data
from sandbox.contracts import Json

TYPE = "Microsoft.CognitiveServices/accounts/deployments"
# "only allows 2 to 64 characters": github.com/microsoft/microsoft-foundry-for-vscode/issues/568.
# It says alphanumerics, underscores and hyphens, yet dots exist: github.com/microsoft/aspire/
# issues/17495
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")
# learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/deployment-types
_BY_TOKENS = ("Standard", "GlobalStandard", "DataZoneStandard")
_SKUS = (
    *_BY_TOKENS,
    *("ProvisionedManaged", "GlobalProvisionedManaged", "DataZoneProvisionedManaged"),
    *("GlobalBatch", "DataZoneBatch", "DeveloperTier", "Developer"),
)
_OFFICIAL = {name.lower(): name for name in _SKUS}
_READ_ONLY = {"provisioningState", "capabilities", "rateLimits", "currentCapacity"}


@dataclass(frozen=True, slots=True)
class Deployments:
    context: Context
    catalogue: Catalogue
    quotas: Mapping[str, int] = field(default_factory=dict)  # "Standard.gpt-4o" -> capacity

    def get(self, request: Request) -> Reply:
        return shown(self._entry(request.path))

    def head(self, request: Request) -> Reply:
        self._entry(request.path)
        return Reply(204)

    def list(self, request: Request) -> Reply:
        entries = self.context.store.members(f"{request.path.id}/deployments")
        return paged(request, [render(entry) for entry in entries])

    def put(self, request: Request) -> Reply:
        have = self.context.store.get(request.path.id)
        return self._write(request, request.json(), have, 200 if have else 201)

    def patch(self, request: Request) -> Reply:
        have = self._entry(request.path)
        patch = {key: it for key, it in request.json().items() if key in ("tags", "sku")}
        return self._write(request, merge_patch(have.copy_body(), patch), have, 202)

    def delete(self, request: Request) -> Reply:
        entry, account = self.context.store.get(request.path.id), request.path.parent
        if entry is None:
            return Reply(204)
        refuse_if_busy(self.context, account)
        self._set(entry, provisioningState="Deleting")

        def finish() -> Reply:
            self.context.store.delete(entry.id)
            return Reply(200)

        work = LongRunning(f"{TYPE}/delete", finish, poll="location", locks=(account.key,))
        return Reply(202, long_running=work)

    def pause(self, request: Request) -> Reply:
        return self._switch(request, "Paused")

    def resume(self, request: Request) -> Reply:
        return self._switch(request, "Running")

    def list_skus(self, request: Request) -> Reply:
        self._entry(request.path)
        capacity = {"minimum": 1, "maximum": 1000, "step": 1, "default": 10}
        skus = [
            {"resourceType": TYPE, "sku": {"name": name}, "capacity": capacity}
            for name in _BY_TOKENS
        ]
        return Reply(body={"value": skus})

    def _switch(self, request: Request, state: str) -> Reply:
        """Only the Standard kinds (learn.microsoft.com/dotnet/api, Deployments_Pause)."""
        entry = self._entry(request.path)
        if entry.body["sku"]["name"] not in _BY_TOKENS:
            # Code and text are UNVERIFIED.
            raise ArmError(
                400,
                "InvalidResourceProperties",
                f"The specified SKU '{entry.body['sku']['name']}' can't be paused or resumed.",
            )
        return shown(self._set(entry, deploymentState=state))

    def _entry(self, path: ResourcePath) -> Entry:
        entry = self.context.store.get(path.id)
        if entry is None:
            raise not_found("/".join((TYPE, *path.names)), path.resource_group)
        return entry

    def _write(self, request: Request, body: Json, have: Entry | None, status: int) -> Reply:
        path, account = request.path, request.path.parent
        if have is None and not _NAME.fullmatch(path.name):
            # The code is UNVERIFIED.
            raise ArmError(
                400,
                "InvalidResourceName",
                "Resource name can only include alphanumeric characters, underscores and hyphens; "
                "Resource name only allows 2 to 64 characters.",
            )
        given = body.get("properties") or {}
        model = self._model(account, given.get("model"))
        sku = _sku(body, model)
        self._check_quota(path, model, sku)
        refuse_if_busy(self.context, account)
        stored = self._stored(request, body, have, model, sku)
        entry = self.context.store.put(path, stored, now=self.context.clock())

        def finish() -> Reply:
            return shown(self._set(self._entry(path), provisioningState="Succeeded"))

        def fail() -> None:
            current = self.context.store.get(path.id)
            if current is not None:
                self._set(current, provisioningState="Failed")

        work = LongRunning(f"{TYPE}/write", finish, locks=(account.key,), fail=fail)
        return shown(entry, status, work)

    def _stored(
        self, request: Request, body: Json, have: Entry | None, model: Model, sku: Json
    ) -> Json:
        path, given = request.path, object_of(body, "properties")
        old = have.body["properties"] if have else {}
        return {
            "id": have.id if have else path.id,
            "name": have.name if have else path.name,
            "type": TYPE,
            "sku": sku,
            **({"tags": body["tags"]} if body.get("tags") else {}),
            "systemData": system_data(request, have, self.context.clock()),
            "properties": {
                "versionUpgradeOption": "OnceNewDefaultVersionAvailable",
                "raiPolicyName": "Microsoft.DefaultV2",
                "deploymentState": old.get("deploymentState", "Running"),
                **{key: it for key, it in given.items() if key not in _READ_ONLY},
                "model": {
                    **given["model"],
                    "format": model.format,
                    "name": model.name,
                    "version": model.version,
                },
                "capabilities": dict(model.capabilities),
                "currentCapacity": sku["capacity"],
                "rateLimits": _rate_limits(model, sku),
                "provisioningState": "Accepted" if have else "Creating",
            },
        }

    def _model(self, account: ResourcePath, given: Any) -> Model:
        if not isinstance(given, dict) or not given.get("name"):
            # UNVERIFIED wording; the model is required by the spec.
            raise ArmError(400, "InvalidResourceProperties", "The model is required.")
        format_, version = str(given.get("format") or "OpenAI"), given.get("version")
        found = self.catalogue.find(format_, str(given["name"]), version)
        owner = self.context.store.get(account.id)
        kind = owner.body["kind"] if owner else ""
        # That the wrong kind of account is refused with this code is UNVERIFIED.
        if found is None or not is_for(kind, found.format):
            # github.com/akshata29/entaoai/issues/36, .../microsoft-foundry-for-vscode/issues/497
            raise ArmError(
                400,
                "DeploymentModelNotSupported",
                f"The model 'Format: {format_}, Name: {given['name']}, Version: {version or ''}' "
                "of account deployment is not supported.",
            )
        return found

    def _check_quota(self, path: ResourcePath, model: Model, sku: Json) -> None:
        usage = f"{sku['name']}.{model.name}"
        limit = self.quotas.get(usage)
        if limit is None:
            return
        used = sum(
            entry.body["sku"]["capacity"]
            for entry in self.context.store.of_type(TYPE, f"/subscriptions/{path.subscription}")
            if f"{entry.body['sku']['name']}.{entry.body['properties']['model']['name']}" == usage
            and entry.id.lower() != path.key
        )
        if used + sku["capacity"] > limit:
            # github.com/microsoft/PubSec-Info-Assistant/issues/880; the real quota is per region.
            quota = f"Tokens Per Minute (thousands) - {model.name}"
            raise ArmError(
                400,
                "InsufficientQuota",
                f"This operation require {sku['capacity']} new capacity in quota {quota}, which is "
                f"bigger than the current available capacity {max(0, limit - used)}. The current "
                f"quota usage is {used} and the quota limit is {limit} for quota {quota}.",
            )

    def _set(self, entry: Entry, **properties: str) -> Entry:
        body = entry.copy_body()
        body["properties"] |= properties
        return self.context.store.put(ResourcePath.parse(entry.id), body, now=self.context.clock())


def _sku(body: Json, model: Model) -> Json:
    """The sku, with a capacity that some clients send as a string turned into a number."""
    given = body.get("sku") or {}
    # Deprecated predecessor, still in the spec: properties.scaleSettings
    scale = object_of(object_of(body, "properties"), "scaleSettings")
    asked = str(given.get("name") or scale.get("scaleType") or "")
    # Some write "standard" (learn.microsoft.com/azure/ai-foundry/openai/how-to/fine-tuning-deploy);
    # that the answer has the official casing is UNVERIFIED.
    name = _OFFICIAL.get(asked.lower())
    capacity = given.get("capacity", scale.get("capacity", 1))
    if name is None:
        # github.com/thunderbug1/LibreChatAzureDeployment/issues/5
        raise ArmError(
            400,
            "InvalidResourceProperties",
            f"The specified SKU '{asked}' of account deployment is not supported by the model "
            f"'{model.name}' version: '{model.version}'.",
        )
    if isinstance(capacity, str) and capacity.isdecimal():
        capacity = int(capacity)
    if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
        # UNVERIFIED wording
        raise ArmError(
            400, "InvalidResourceProperties", f"The specified capacity '{capacity}' is invalid."
        )
    return {**given, "name": name, "capacity": capacity}


def _rate_limits(model: Model, sku: Json) -> list[Json]:
    """1000 tokens per minute for each unit of a Standard kind.

    learn.microsoft.com/azure/ai-foundry/openai/how-to/quota; the request rule is as seen on a
    GlobalStandard deployment in June 2026, older ones showed other periods. Quotas of images, audio
    and video are in requests (learn.microsoft.com/azure/ai-foundry/openai/quotas-limits): that
    their deployments state no tokens is UNVERIFIED.
    """
    if sku["name"] not in _BY_TOKENS:
        return []
    requests = {"key": "request", "renewalPeriod": 60, "count": sku["capacity"]}
    tokens = {"key": "token", "renewalPeriod": 60, "count": sku["capacity"] * 1000}
    return [requests] if _counts_requests(model) else [requests, tokens]


def _counts_requests(model: Model) -> bool:
    flags = {name for name, value in model.capabilities.items() if value == "true"}
    name = model.name.lower()
    return bool(flags & {"imageGenerations", "audio"}) or name.startswith(("sora", "flux"))
