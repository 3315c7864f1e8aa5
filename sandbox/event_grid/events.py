"""What Event Grid says about one ARM write, in both of its schemas.

Fields: learn.microsoft.com/azure/event-grid/event-schema-subscriptions and
learn.microsoft.com/azure/event-grid/cloud-event-schema. No capture of a Microsoft.CognitiveServices
event is public: contents of ``evidence`` and the presence of ``httpRequest`` on create are
UNVERIFIED for these operations.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sandbox.contracts import ArmWrite, Json


class Schema(StrEnum):
    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where Microsoft's own samples differ from each other; consumers must bear all of them."""

    # The create sample says resourcegroups, the delete sample resourceGroups.
    lowercase_resourcegroups_on_create: bool = True
    fraction_digits: Literal[6, 7] = 7
    # Absent in the samples of ARM events, present in others.
    datacontenttype: bool = False
    # The documentation: httpRequest is "included only when updating an existing resource or
    # deleting a resource" (event-schema-subscriptions).
    http_request_on_create: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom events name. Real events carry a person's data: nobody may log or store them."""

    tenant_id: str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    object_id: str = "77777777-8888-9999-0000-aaaaaaaaaaaa"
    upn: str = "dev@contoso.com"
    name: str = "Dev User"
    ip_address: str = "203.0.113.10"


def arm_event(write: ArmWrite, *, event_id: str, caller: Caller, quirks: Quirks) -> Json:
    """The event in the Event Grid schema. ``topic`` is set when it is known who subscribes."""
    subject = write.resource_id
    if write.is_create and quirks.lowercase_resourcegroups_on_create:
        subject = re.sub("/resourceGroups/", "/resourcegroups/", subject, flags=re.IGNORECASE)
    outcome = "Success" if write.status == "Succeeded" else "Failure"
    return {
        "subject": subject,
        "eventType": f"Microsoft.Resources.Resource{write.kind}{outcome}",
        "id": event_id,
        "data": _data(write, subject, caller, quirks),
        "dataVersion": "2",
        "metadataVersion": "1",
        "eventTime": timestamp(write.at, quirks.fraction_digits),
        "topic": f"/subscriptions/{_subscription(write.resource_id)}",
    }


def to_cloud_event(event: Mapping[str, Any], quirks: Quirks) -> Json:
    """Names as in learn.microsoft.com/azure/event-grid/cloud-event-schema; versions have none."""
    cloud_event: Json = {
        "id": event["id"],
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "specversion": "1.0",
        "data": event["data"],
    }
    if quirks.datacontenttype:
        cloud_event["datacontenttype"] = "application/json"
    return cloud_event


def validation_event(*, topic: str, event_id: str, at: datetime, code: str, url: str) -> Json:
    """learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema."""
    return {
        "id": event_id,
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code, "validationUrl": url},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": timestamp(at),
        "metadataVersion": "1",
        "dataVersion": "2",
    }


def timestamp(at: datetime, digits: Literal[6, 7] = 7) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + ("0" if digits == 7 else "") + "Z"


def _data(write: ArmWrite, subject: str, caller: Caller, quirks: Quirks) -> Json:
    data: Json = {
        "authorization": {
            "scope": subject,
            "action": write.operation_name,
            "evidence": _evidence(write, caller),
        },
        "claims": _claims(write, caller),
        "correlationId": write.correlation_id,
        "resourceProvider": write.operation_name.partition("/")[0],
        "resourceUri": subject,
        "operationName": write.operation_name,
        "status": write.status,
        "subscriptionId": _subscription(write.resource_id),
        "tenantId": caller.tenant_id,
    }
    if not write.is_create or quirks.http_request_on_create:
        data["httpRequest"] = {
            "clientRequestId": write.client_request_id,
            "clientIpAddress": caller.ip_address,
            "method": write.method,
            "url": write.url,
        }
    return data


def _evidence(write: ArmWrite, caller: Caller) -> Json:
    return {
        "role": "Contributor",
        "roleAssignmentScope": f"/subscriptions/{_subscription(write.resource_id)}",
        "roleAssignmentId": "0f6c1b7a5d3e4c2f9a8b7c6d5e4f3a2b",
        # Contributor (learn.microsoft.com/azure/role-based-access-control/built-in-roles).
        "roleDefinitionId": "b24988ac618042a0ab8820f7382dd24c",
        "principalId": caller.object_id.replace("-", ""),
        "principalType": "User",
    }


def _claims(write: ArmWrite, caller: Caller) -> Json:
    now = int(write.at.timestamp())
    entra = "http://schemas.microsoft.com/identity/claims"
    return {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{caller.tenant_id}/",
        "iat": str(now - 600),
        "nbf": str(now - 600),
        "exp": str(now + 3600),
        "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",  # the public Azure CLI application
        "appidacr": "0",
        f"{entra}/objectidentifier": caller.object_id,
        f"{entra}/scope": "user_impersonation",
        f"{entra}/tenantid": caller.tenant_id,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": caller.upn,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": caller.upn,
        "ipaddr": caller.ip_address,
        "name": caller.name,
        "ver": "1.0",
    }


def _subscription(resource_id: str) -> str:
    parts = resource_id.split("/")
    return parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
