"""The model endpoints: one server that stands for the hosts of all accounts.

What is judged, in this order: host, route, an endpoint that is down, api-version, key or token,
role, deployment, what its model can do, faults, limits, the body. A host of no account is a name
that does not resolve: the connection is cut.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sandbox.arm.cognitive.catalogue import Catalogue
from sandbox.arm.provider import Clock, utc_now
from sandbox.arm.store import Store
from sandbox.models import (
    abilities,
    estate,
    faults,
    journal,
    limits,
    members,
    routes,
    versions,
    words,
)
from sandbox.models.auth import Caller, Gate
from sandbox.models.call import Answer, Call, Content, deployment_name, nameless
from sandbox.models.errors import Refusal, Shape, invalid, not_found
from sandbox.models.estate import Deployment, Place
from sandbox.models.options import ModelOptions
from sandbox.models.replies.table import replies
from sandbox.models.routes import Route, Versions, Where
from sandbox.tokens import Directory


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived, however it is going to end."""

    method: str
    raw_path: str
    host: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Content


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that will be answered, and what its answer carries besides the body."""

    call: Call
    headers: Mapping[str, str]
    fault: faults.Answer | None = None


@dataclass(slots=True)
class Visit:
    """One request on its way through; what is known of it so far, for the journal and refusals."""

    asked: Asked
    called: journal.Called
    shape: Shape = Shape.AZURE
    fault: faults.Answer | None = None

    @property
    def is_cut(self) -> bool:
        return self.fault is not None and self.fault.down

    def learn(self, **known: str) -> None:
        """Members of the journal's line that are text."""
        self.called = replace(self.called, **cast("dict[str, Any]", known))

    def note(self, status: int) -> None:
        self.called = replace(self.called, status=status)


class ModelEndpoints:
    """Reads accounts, deployments and roles from the store on each call.

    Attributes:
        faults: Rules that tests may add to.
        journal: What was asked.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        options: ModelOptions | None = None,
        *,
        clock: Clock = utc_now,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.options = options or ModelOptions()
        self.faults = faults.Faults()
        self.journal = journal.Journal()
        self._store = store
        self._clock = clock
        self._gate = Gate(store, directory, self.options)
        self._limits = limits.Limits(self.options)
        self._replies = replies(catalogue or Catalogue())
        self._numbers = itertools.count(1)

    def admit(self, visit: Visit) -> Admitted | None:
        """Judge a request; None where the connection is to be cut.

        Raises:
            Refusal: what it is answered instead.
        """
        asked = visit.asked
        place = estate.place(self._store, asked.host.lower())
        if place is None:
            visit.fault = faults.Answer(down=True)
            return None
        if len(place.accounts) == 1:
            visit.learn(account=place.accounts[0].name)
        found = routes.find(asked.method, asked.raw_path, place.host)
        route, params = found or (None, {})
        if route is not None:
            visit.shape = route.family.shape
            name = deployment_name(route, params, asked.query, asked.content.body)
            visit.learn(deployment=name)
        called = visit.called
        visit.fault = self.faults.pick(called.account, called.deployment, asked.raw_path)
        if visit.is_cut:
            return None
        if route is None:
            raise not_found()
        return self._admit_to(route, params, place, visit)

    def answer(self, call: Call) -> Answer:
        return self._replies[call.route.id](call)

    def _admit_to(
        self, route: Route, params: Mapping[str, str], place: Place, visit: Visit
    ) -> Admitted:
        asked, now = visit.asked, self._clock()
        version = asked.query.get("api-version", "")
        versions.check(route, version, self.options)
        caller = self._gate.admit(route, place, asked.headers, asked.query, now=now)
        visit.learn(
            account=caller.account.name, principal=caller.principal, audience=caller.audience
        )
        deployment = self._deployment(route, caller, visit.called.deployment, asked.content)
        self._fail(visit.fault, route, caller, version)
        if not asked.content.is_form:
            members.check(asked.content.body)
        call = Call(
            account=caller.account,
            route=route,
            params=params,
            query=asked.query,
            headers=asked.headers,
            content=asked.content,
            now=int(now.timestamp()),
            number=next(self._numbers),
            asked=deployment,
        )
        return Admitted(call, self._headers(call, version, now), visit.fault)

    def _deployment(
        self, route: Route, caller: Caller, name: str, content: Content
    ) -> Deployment | None:
        if not content.is_readable:
            raise invalid("We could not parse the JSON body of your request.")
        if route.where is Where.NOWHERE:
            return None
        if not name:
            raise nameless(route)
        found = estate.deployment(self._store, caller.account, name)
        if found is None:
            raise _no_deployment(route, name)
        if found.is_paused:
            # learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments/pause; how a
            # call is refused is UNVERIFIED.
            raise Refusal(423, "DeploymentPaused", f"The deployment '{name}' is paused.")
        if route.ability is not None:
            self._check_ability(route, route.ability, found)
        return found

    def _check_ability(self, route: Route, ability: abilities.Ability, found: Deployment) -> None:
        if route.family is routes.INFERENCE and found.format.lower() == "anthropic":
            # github.com/anthropics/claude-code/issues/67179; the words are UNVERIFIED
            raise Refusal(404, "api_not_supported", "The API is not supported by this model.")
        abilities.check(found, ability, route.family.formats)

    def _fail(
        self, fault: faults.Answer | None, route: Route, caller: Caller, version: str
    ) -> None:
        if fault is not None and fault.status is not None:
            raise Refusal(fault.status, fault.code, fault.message, platform=False)
        if fault is not None and fault.retry_after is not None:
            wait = fault.retry_after
            raise limits.used_up(caller.account, route, "token", wait, version=version)

    def _headers(self, call: Call, version: str, now: datetime) -> Mapping[str, str]:
        """As users see them on Azure OpenAI's answers; UNVERIFIED on those of partner models."""
        own = {"x-ms-region": call.account.location, "apim-request-id": f"{call.number:08d}"}
        if call.asked is None:
            return own
        estimate = words.prompt_words(call.body) + (words.limit_of(call.body) or 0)
        left = self._limits.take(
            call.account, call.asked, call.route, estimate, version=version, now=now
        )
        return own | {"x-ms-deployment-name": call.asked.name} | dict(left)


def _no_deployment(route: Route, name: str) -> Refusal:
    """github.com/MicrosoftDocs/azure-docs/issues/114013."""
    if route.family.versions is Versions.INFERENCE:
        # As models.github.ai answers, which is the same service; UNVERIFIED on an account.
        return Refusal(404, "unknown_model", f"Unknown model: {name}")
    return Refusal(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within "
        "the last 5 minutes, please wait a moment and try again.",
    )
