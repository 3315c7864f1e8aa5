"""One write at a time per account, whatever it writes."""

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context


def refuse_if_busy(context: Context, account: ResourcePath) -> None:
    """Any two overlapping writes under one account: creates, deletes, account updates.

    github.com/hashicorp/terraform-provider-azurerm/issues/22939, .../22607,
    github.com/Azure/azure-dev/issues/9398
    """
    if context.locks.held(account.key):
        raise ArmError(
            409,
            "RequestConflict",
            "Another operation is being performed on the parent resource "
            f"'{account.id}'. Please try again later.",
        )
