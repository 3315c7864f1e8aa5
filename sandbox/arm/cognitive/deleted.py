"""Soft delete: a deleted account blocks its name and subdomain for 48 hours.

learn.microsoft.com/azure/ai-services/recover-purge-resources. Restoring brings the deployments
back without a write to each (UNVERIFIED).
"""

from datetime import timedelta

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, LongRunning, Reply, Request, paged
from sandbox.arm.store import Entry
from sandbox.arm.system_data import timestamp

_TYPE = "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts"
_KEPT = timedelta(hours=48)


def bury_group(context: Context, group_id: str) -> None:
    """What deleting a resource group does to the accounts in it (same page)."""
    for account in context.store.of_type("Microsoft.CognitiveServices/accounts", group_id):
        bury(context, ResourcePath.parse(account.id))


def bury(context: Context, path: ResourcePath) -> None:
    """Remove an account with everything below it and keep what a restore needs."""
    account = context.store.get(path.id)
    if account is None:
        return
    now = context.clock()
    grave = _grave(path, account.body["location"])
    body = account.copy_body() | {"id": grave.id, "type": _TYPE, "name": account.name}
    body["properties"]["deletionDate"] = timestamp(now)
    body["properties"]["scheduledPurgeDate"] = timestamp(now + _KEPT)
    remains = [
        {"id": entry.id, "body": entry.copy_body(), "hidden": entry.hidden}
        for entry in context.store.subtree(account.id)
        if "/providers/microsoft.authorization/" not in entry.id.lower()
    ]
    context.store.delete(account.id)
    context.store.put(grave, body, now=now, hidden={"remains": remains})


def unearth(context: Context, gone: Entry) -> None:
    for item in gone.hidden["remains"]:
        body = item["body"]
        body["properties"]["provisioningState"] = "Succeeded"
        context.store.put(
            ResourcePath.parse(item["id"]), body, now=context.clock(), hidden=item["hidden"]
        )
    context.store.delete(gone.id)


def find(context: Context, account: ResourcePath, location: str) -> Entry | None:
    wanted = _grave(account, location).key
    return next((entry for entry in all_of(context, "") if entry.id.lower() == wanted), None)


def all_of(context: Context, scope: str) -> list[Entry]:
    """What is still recoverable; the expired is dropped on the way."""
    now = context.clock()
    entries = context.store.of_type(_TYPE, scope)
    expired = [entry for entry in entries if entry.created_at + _KEPT <= now]
    for entry in expired:
        context.store.delete(entry.id)
    return [entry for entry in entries if entry not in expired]


def list_deleted(context: Context, request: Request) -> Reply:
    found = all_of(context, request.path.scope)
    return paged(request, [entry.body for entry in found])


def get_deleted(context: Context, request: Request) -> Reply:
    return Reply(body=_entry(context, request).body)


def purge(context: Context, request: Request) -> Reply:
    entry = _entry(context, request)

    def finish() -> Reply:
        context.store.delete(entry.id)
        return Reply(200)

    return Reply(202, long_running=LongRunning(f"{_TYPE}/delete", finish, poll="location"))


def flag_must_be_set(account: ResourcePath) -> ArmError:
    # github.com/Azure/azure-cli/issues/18146
    return ArmError(
        409,
        "FlagMustBeSetForRestore",
        f"An existing resource with ID '{account.id}' has been soft-deleted. To restore the "
        "resource, you must specify 'restore' to be 'true' in the property. If you don't want to "
        "restore existing resource, please purge it first.",
    )


def _entry(context: Context, request: Request) -> Entry:
    entry = context.store.get(request.path.id)
    if entry is None or entry not in all_of(context, request.path.scope):
        raise ArmError(
            404, "ResourceNotFound", f"The deleted account '{request.path.name}' was not found."
        )
    return entry


def _grave(account: ResourcePath, location: str) -> ResourcePath:
    return ResourcePath.parse(
        f"/subscriptions/{account.subscription}/providers/Microsoft.CognitiveServices"
        f"/locations/{location}/resourceGroups/{account.resource_group}"
        f"/deletedAccounts/{account.name}"
    )
