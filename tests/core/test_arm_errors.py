import pytest

from shared.core.arm_errors import Meaning, meaning

BUSY, LATER, STALE = Meaning.BUSY, Meaning.LATER, Meaning.STALE


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (409, "PessimisticConcurrencyConflict", "Operation on the API is in progress", BUSY),
        (409, "Conflict", "Operation on the API is in progress", BUSY),
        (409, "RequestConflict", "Another operation is being performed", BUSY),
        (422, "ManagementApiRequestFailed", "Failed to connect to management endpoint", BUSY),
        (409, "ManagementApiRequestFailed", "Failed to connect to management endpoint", BUSY),
        (412, "PreconditionFailed", "", STALE),
        (400, "ValidationError", "Resource was modified since last retrieval.", STALE),
        (400, "ValidationError", "Entity with specified identifier not found", BUSY),
        (400, "ValidationError", "Backend with id 'x' could not be found.", LATER),
        (400, "ValidationError", "Url is not supported for backend pool.", Meaning.REJECTED),
        (400, "ValidationError", "Cannot create API 'a' with the same Path", Meaning.REJECTED),
        (409, "ScopeLocked", "The scope is locked", Meaning.REJECTED),
        (409, "IdentifierAlreadyInUse", "Resource already exists.", Meaning.REJECTED),
        (429, "ResourceRequestsThrottled", "", LATER),
        (409, "RoleAssignmentExists", "The role assignment already exists.", Meaning.DONE),
        (400, "RoleAssignmentUpdateNotPermitted", "are not allowed", Meaning.REJECTED),
        (400, "PrincipalNotFound", "does not exist in the directory", LATER),
        (404, "RoleAssignmentNotFound", "", Meaning.MISSING),
        (401, "", "", Meaning.DENIED),
        (403, "AuthorizationFailed", "", Meaning.DENIED),
        (404, "ResourceNotFound", "", Meaning.MISSING),
        (404, "ResourceGroupNotFound", "", Meaning.MISSING),
        (404, "SubscriptionNotFound", "", LATER),
        (404, "InvalidResourceType", "", LATER),
        (404, "", "", LATER),
        (403, "RequestDisallowedByPolicy", "", Meaning.REJECTED),
        (409, "AnotherOperationInProgress", "", BUSY),
        (500, "InternalServerError", "", BUSY),
        (504, "GatewayTimeout", "", BUSY),
        (418, "", "", Meaning.REJECTED),
    ],
)
def test_an_answer_means_what_people_found_it_to_mean(
    status: int, code: str, message: str, expected: Meaning
) -> None:
    assert meaning(status, code, message) is expected
