"""Backends: credentials, identities, hosts that aren't there, and streams."""

import asyncio
import base64
import json
from typing import Any

import pytest
from aiohttp import ClientError, web

from sandbox.arm.system_data import client_id_of, principal_id_of
from sandbox.processes import listen
from sandbox.world import World
from tests.sandbox.gateway.place import SERVICE, Place, a_backend, a_place, an_api

HOST = "contoso.openai.azure.com"


def claims(token: str) -> dict[str, Any]:
    payload = token.removeprefix("Bearer ").split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


async def test_a_backends_managed_identity_goes_over_what_the_client_sent(place: Place) -> None:
    identity = {"managedIdentity": {"resource": "https://ai.azure.com"}}
    to_backend = a_backend(place, credentials=identity)
    place.policy(
        inbound=f"<base />{to_backend}<set-header name='Authorization'><value>mine</value>"
        "</set-header>"
    )

    await place.call("/a/x", headers={"authorization": "Bearer client"})

    sent = place.upstream.last
    (token,) = sent.headers.getall("Authorization")
    assert (sent.host, sent.url) == ("b.openai.azure.com", "/b/x")
    assert claims(token)["aud"] == "https://ai.azure.com"
    assert claims(token)["oid"] == principal_id_of(SERVICE)


async def test_a_backends_other_credentials_hold_named_values(place: Place) -> None:
    place.put("namedValues/k", {"displayName": "k", "value": "secret", "secret": True})
    credentials = {
        "header": {"api-key": ["{{k}}"]},
        "query": {"code": ["{{k}}!"]},
        "authorization": {"scheme": "Basic", "parameter": "{{k}}"},
    }
    place.policy(inbound=f"<base />{a_backend(place, credentials=credentials)}")

    await place.call("/a/x?code=mine", headers={"api-key": "mine"})

    sent = place.upstream.last
    assert sent.headers.getall("api-key") == ["secret"]
    assert sent.headers["Authorization"] == "Basic secret"
    assert sent.url == "/b/x?code=secret%21"


async def test_a_backend_with_the_very_url_is_used_unasked(place: Place) -> None:
    credentials = {"header": {"X-Key": ["k"]}}
    url = {"url": f"https://{HOST}/base", "protocol": "http"}
    place.put("backends/same", {**url, "credentials": credentials})

    await place.call("/a/x")

    assert place.upstream.last.headers["X-Key"] == "k"


async def test_a_base_url_does_not_replace_a_backend(place: Place) -> None:
    to_backend = a_backend(place)
    other = "<set-backend-service base-url='https://other.openai.azure.com' />"
    place.policy(inbound=f"<base />{to_backend}{other}")

    await place.call("/a/x")

    assert place.upstream.last.host == "b.openai.azure.com"


IDENTITIES = {"system": "", "user": "caller"}


@pytest.mark.parametrize(("kind", "client"), IDENTITIES.items())
async def test_a_policy_gets_a_token_of_the_identity_that_it_names(kind: str, client: str) -> None:
    gateway = {"name": "apim", "sku": "StandardV2", "userAssignedIdentities": ["caller"]}
    assigned = (
        f"{SERVICE.partition('/providers/')[0]}"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/caller"
    )
    client_id = f"client-id='{client_id_of(assigned)}'" if client else ""
    async with a_place(World.model_validate({"accounts": [], "gateways": [gateway]})) as place:
        an_api(place)
        policy = "<authentication-managed-identity resource='https://ml.azure.com/' "
        place.policy(
            inbound=f"<base />{policy}{client_id} />{policy}{client_id} "
            "output-token-variable-name='t' /><set-header name='X-Token'><value>"
            '@((string)context.Variables["t"])</value></set-header>'
        )

        await place.call("/a/x", headers={"Authorization": "Bearer client"})

        sent = place.upstream.last.headers
        wanted = principal_id_of(SERVICE if kind == "system" else assigned)
        for token in (sent["Authorization"], sent["X-Token"]):
            assert (claims(token)["oid"], claims(token)["aud"]) == (wanted, "https://ml.azure.com/")


async def test_an_identity_that_the_service_lacks_fails_unless_ignored(place: Place) -> None:
    policy = "<authentication-managed-identity resource='r' client-id='nope' ignore-error='{}' />"
    place.policy(inbound=f"<base />{policy.format('false')}")
    failed = await place.call("/a/x")
    place.policy(inbound=f"<base />{policy.format('true')}")
    ignored = await place.call("/a/x")

    assert "The service has no identity with client id 'nope'" in failed.error
    assert ignored.status == 200


@pytest.mark.parametrize("url", ["https://example.com", "https://evilopenai.azure.com.example"])
async def test_hosts_of_the_world_are_never_called(place: Place, url: str) -> None:
    place.policy(inbound=f"<base /><set-backend-service base-url='{url}' />")

    reached = await place.call("/a/x")

    assert reached.status == 500
    assert reached.error.startswith(f"forward-request: The backend can't be reached: {url}/x")


async def test_a_backend_that_is_down_or_slow_is_no_connection(place: Place) -> None:
    async with listen(web.Application()) as gone:
        pass
    place.policy(inbound=f"<base /><set-backend-service base-url='{gone}' />")
    down = await place.call("/a/x")

    async def never(_http: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_get("/x", never)
    async with listen(app) as slow:
        place.policy(
            inbound=f"<base /><set-backend-service base-url='{slow}' />",
            backend="<forward-request timeout-ms='50' />",
        )
        late = await place.call("/a/x")

    assert [it.status for it in (down, late)] == [500, 500]
    assert "TimeoutError" in late.error


async def test_a_stream_is_passed_on_while_it_comes(place: Place) -> None:
    more = asyncio.Event()

    async def stream(http: web.Request) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await out.prepare(http)
        await out.write(b"data: 1\n\n")
        await more.wait()
        await out.write(b"data: 2\n\n")
        return out

    app = web.Application()
    app.router.add_get("/x", stream)
    async with listen(app) as url:
        place.policy(
            inbound=f"<base /><set-backend-service base-url='{url}' /><llm-token-limit "
            "counter-key='k' tokens-per-minute='9' estimate-prompt-tokens='false' />"
        )
        async with place.session.get(f"{place.url}/a/x") as answer:
            first = await answer.content.readany()
            more.set()
            rest = await answer.content.read()

    assert (first, rest) == (b"data: 1\n\n", b"data: 2\n\n")


async def test_a_client_that_leaves_takes_its_backend_call_along(place: Place) -> None:
    left = asyncio.Event()

    async def stream(http: web.Request) -> web.StreamResponse:
        out = web.StreamResponse()
        await out.prepare(http)
        try:
            while True:
                await out.write(b"x" * 1000)
                await asyncio.sleep(0.01)
        finally:
            left.set()

    app = web.Application()
    app.router.add_get("/x", stream)
    async with listen(app) as url:
        place.policy(inbound=f"<base /><set-backend-service base-url='{url}' />")
        async with place.session.get(f"{place.url}/a/x") as answer:
            await answer.content.readany()
        async with asyncio.timeout(120):
            await left.wait()


async def test_compressed_answers_arrive_readable(place: Place) -> None:
    def compressed(_seen: object) -> web.Response:
        answer = web.json_response({"a": "b" * 500})
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    place.upstream.answer = compressed
    place.policy(outbound="<base /><set-body>@((string)context.Response.Body.As<JObject>(true)"
                          '["a"])</set-body>')  # fmt: skip

    assert (await place.call("/a/x")).body == b"b" * 500


async def test_an_answer_that_breaks_off_breaks_off_for_the_client(place: Place) -> None:
    async def cut(http: web.Request) -> web.StreamResponse:
        out = web.StreamResponse()
        await out.prepare(http)
        await out.write(b"half")
        assert http.transport is not None
        http.transport.abort()
        return out

    app = web.Application()
    app.router.add_get("/x", cut)
    async with listen(app) as url:
        place.policy(inbound=f"<base /><set-backend-service base-url='{url}' />")
        with pytest.raises(ClientError):
            await place.call("/a/x")
        place.policy(
            inbound=f"<base /><set-backend-service base-url='{url}' />",
            outbound="<set-body>@(context.Response.Body.As<string>(true))</set-body>",
        )
        read = await place.call("/a/x")

    assert (read.status, place.log[0][:32]) == (500, "gateway: the backend broke off: ")
    assert read.error.startswith("forward-request: ")
