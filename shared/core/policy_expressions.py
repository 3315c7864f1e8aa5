"""The C# of our policies: constants, put together from what an API's operations need.

Only types and members that API Management allows in policy expressions
(learn.microsoft.com/azure/api-management/api-management-policy-expressions), and few of those.
"""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from shared.core.surfaces import DeploymentIn, Operation, Surface

# A body that is no JSON object names no deployment.
_BY_BODY = (
    'try { name = (string)context.Request.Body?.As<JObject>(preserveContent: true)?["model"]'
    ' ?? ""; } catch { name = ""; }'
)
# A part's headers, in the forms that clients send them in: .NET sends Content-Type first, and
# names without quotes.
_PART_HEAD = (
    r'"^\r\n(?:Content-T[^\r\n]*\r\n)*'
    r"Content-Disposition: form-data; name=(\"?)([0-9A-Za-z_.\\[\\]-]+)\\1"
    r"((?:; filename=(?:\"[^\"\r\n]*\"|[^\"; \r\n]+))?(?:; filename\\*=[^\"; \r\n]+)?)\r\n"
    r'(?:Content-[LT][^\r\n]*\r\n)*\r\n"'
)
# One part called model, and nothing in the whole body that another reader could take for a part:
# what the gateway reads must be what the model's host will read. MatchCollection is not among the
# types that expressions may use, so the body is split.
_BY_FORM = (
    'var boundary = Regex.Match(context.Request.Headers.GetValueOrDefault("Content-Type", ""), '
    r'"^multipart/form-data; ?boundary=(\"?)([0-9A-Za-z_-]{1,70})\\1$").Groups[2].Value; '
    'var body = context.Request.Body?.As<string>(preserveContent: true) ?? ""; '
    r'var parts = Regex.Split("\r\n" + body, "\r\n--" + boundary); '
    r'var ends = parts[0] == "" && Regex.IsMatch(parts[parts.Length - 1], "^--(?:\r\n)?$"); '
    'var models = boundary != "" && ends ? 0 : 2; '
    "for (var i = 1; i < parts.Length - 1; i++) { "
    f"var head = Regex.Match(parts[i], {_PART_HEAD}, RegexOptions.IgnoreCase); "
    'if (!head.Success || Regex.IsMatch(parts[i], "--" + boundary)) { models = 2; } '
    'if (head.Groups[2].Value.ToLowerInvariant() == "model") { models++; '
    'name = head.Groups[3].Value == "" ? parts[i].Substring(head.Length) : ""; } } '
    'if (models != 1) { name = ""; }'
)
_BY_PATH = 'name = context.Request.MatchedParameters.GetValueOrDefault("{name}", "");'
_READS = {
    DeploymentIn.PATH: _BY_PATH.format(name="deployment-id"),
    DeploymentIn.MODEL_PATH: _BY_PATH.format(name="model"),
    DeploymentIn.BODY: _BY_BODY,
    DeploymentIn.FORM: _BY_FORM,
}


def deployment_name(surface: Surface, operations: Sequence[Operation]) -> str:
    """The expression, as an attribute's value with its quotes, that yields the lower-cased name.

    Each operation is read only where the model's host looks for its deployment: a body can be
    JSON and a form at once, and any call can bring a query parameter along.
    """
    ids: dict[DeploymentIn, list[str]] = {}
    for operation in operations:
        ids.setdefault(operation.deployment_in, []).append(operation.id)
    reads = {place: _read(place, surface) for place in ids if place is not DeploymentIn.NOWHERE}
    if len(ids) == 1:
        code = "".join(reads.values())
    else:
        steps = [f"if ({_is_one_of(ids[it])}) {{ {read} }}" for it, read in reads.items()]
        code = " else ".join(steps)
    return _attribute(f'@{{ var name = ""; {code} return name.ToLowerInvariant(); }}')


def _read(place: DeploymentIn, surface: Surface) -> str:
    if place is DeploymentIn.QUERY:
        query = f'context.Request.Url.Query.GetValueOrDefault("{surface.query or "model"}", "")'
        return f"name = {query};"
    return _READS[place]


def is_operation(*ids: str) -> str:
    """The condition that the request is one of these operations."""
    return _attribute(f"@({_is_one_of(ids)})")


def is_deployment(*names: str, operation: str = "") -> str:
    """The condition that the request names one of these deployments."""
    named = " || ".join(f'(string)context.Variables["deployment"] == "{it}"' for it in names)
    code = f'context.Operation.Id == "{operation}" && ({named})' if operation else named
    return _attribute(f"@({code})")


def counter_key(who: str, counter: str) -> str:
    """The expression that tells apart who has a counter of its own.

    An API that is also in an open product is called without a subscription, and without a user.
    """
    return _attribute(f'@(({_WHO[who]}) + "/{counter}")')


_WHO = {
    "subscription": 'context.Subscription?.Id ?? "none"',
    "ip": "context.Request.IpAddress",
    "product": 'context.Product?.Id ?? "none"',
    "user": 'context.User?.Id ?? "none"',
}
VARY_BY = {who: f"@({code})" for who, code in _WHO.items()}


def _is_one_of(ids: Sequence[str]) -> str:
    return " || ".join(f'context.Operation.Id == "{it}"' for it in ids)


def _attribute(code: str) -> str:
    return quoteattr(code, {'"': "&quot;"})
