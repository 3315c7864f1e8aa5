"""What an answer to a probe proves: pure, one table.

| answer                              | means                                   | then            |
|-------------------------------------|-----------------------------------------|-----------------|
| 2xx                                 | the deployment answered                 | proven          |
| 400 for the operation               | the model has another one               | asked again     |
| 400, 422                            | the model refused the request itself    | proven          |
| 429                                 | at its capacity, so it is reachable     | proven          |
| 401 of the gateway                  | our key is not known there yet          | asked again     |
| 401 for the account's key           | access_key leads to a wrong one         | asked again     |
| 401 for the token                   | its audience is wrong there             | asked again     |
| 401, 403                            | the gateway's identity may not call it  | asked again     |
| 404 of the gateway's own            | the API or its policy is on its way     | asked again     |
| 404, 410                            | the name is not known there (yet)       | asked again     |
| 5xx, no answer                      | down, or out of reach                   | asked again     |

Role assignments take up to ten minutes to count (learn.microsoft.com/azure/
role-based-access-control/troubleshooting), a new deployment up to five minutes to be known to its
endpoint, and a change of an API or a policy reaches every gateway unit after a moment (UNVERIFIED).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.core.probes import Probe
from shared.core.states import DeploymentState, Verdict

# What llm-token-limit answers with, as users quote it; a model at its capacity words it otherwise.
_OUR_LIMIT = ("token limit is exceeded", "token quota is exceeded")
# A model that has another operation than its capabilities say
# (github.com/microsoft/graphrag/issues/1557).
_WRONG_OPERATION = ("operationnotsupported", "does not work with the specified model")
_OUR_KEY = "subscription key"  # of both messages of the gateway's 401
# Of the account's own 401s, as users quote them: for a key, which begins as the gateway's does
# (github.com/microsoft/semantic-kernel/issues/10337), and for a token
# (github.com/run-llama/llama_index/issues/12484).
_ACCOUNT_KEY = "wrong api endpoint"
_AUDIENCE = "audience is incorrect"
_NO_ROLE = (
    "the gateway's identity may not call the account; a role assignment takes up to ten minutes"
)
# UNVERIFIED: that the body of the gateway's own 500 names no reason and has this member, and that
# no account's has it. A policy that fails ends in the same 500.
_GATEWAY_ERROR = ("backendconnectionfailure", "activityid")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a deployment on its surfaces.

    Attributes:
        proven: Every surface has answered.
        words: What was proven, or what stands in the way and what to do about it.
        fingerprint: Of what was proven.
        is_due: Asking again may prove it.
    """

    proven: bool
    words: str
    fingerprint: str = ""
    is_due: bool = True


UNPROVABLE = Proof(
    proven=False, words="not verified: nothing can be asked on its surfaces", is_due=False
)

NOT_ASKED = Proof(
    proven=False, words="not verified: nothing is called in a run that does not write", is_due=False
)


def judge_answer(probe: Probe, answer: Answer) -> tuple[bool, str]:
    """Whether *answer* proves what *probe* asks, in words."""
    status, said = answer.status, answer.text.lower()
    where = f"on {probe.surface}"
    rows = (
        (200 <= status < 300, True, f"answered {where}"),
        (
            status == 400 and any(it in said for it in _WRONG_OPERATION),
            False,
            f"{where}: HTTP 400: the model does not take this call, so its kind is another",
        ),
        (status in (400, 422), True, f"answered {where} (HTTP {status} of the model)"),
        (
            status in (403, 429) and any(it in said for it in _OUR_LIMIT),
            False,
            f"{where}: HTTP {status}: the deployment's own limit in the gateway is used up",
        ),
        (status == 429, True, f"reachable {where}, at its capacity (HTTP 429)"),
        (
            status == 401 and _ACCOUNT_KEY in said,
            False,
            f"{where}: HTTP 401: the account does not take the key that access_key leads to",
        ),
        (
            status == 401 and _AUDIENCE in said,
            False,
            f"{where}: HTTP 401: the account does not take the gateway's token: wrong audience",
        ),
        (
            status == 401 and _OUR_KEY in said,
            False,
            f"{where}: the gateway does not know our key yet",
        ),
        (
            status in (401, 403),
            False,
            f"{where}: HTTP {status}: {_NO_ROLE}",
        ),
        (
            status in (404, 410),
            False,
            f"{where}: HTTP {status}: not known there yet; changes take minutes to spread",
        ),
        (
            status == 0,
            False,
            f"{where}: no answer ({answer.text[:200]})",
        ),
        (
            status >= 500 and any(it in said for it in _GATEWAY_ERROR),
            False,
            f"{where}: HTTP {status}: the gateway can't reach the account, or its policy fails",
        ),
    )
    for holds, proven, words in rows:
        if holds:
            return proven, words
    return False, f"{where}: HTTP {status}"


def proof_of(probes: Sequence[Probe], answers: Sequence[Answer]) -> Proof:
    """All surfaces taken together: the first obstacle is what people should look at."""
    judged = [judge_answer(*pair) for pair in zip(probes, answers, strict=True)]
    obstacles = [words for proven, words in judged if not proven]
    if obstacles:
        return Proof(proven=False, words=f"not verified yet {obstacles[0]}")
    return proven(probes)


def proven(probes: Sequence[Probe]) -> Proof:
    """The same words each time, whatever the answers were: they stand in the ledger."""
    far = all(probe.reaches for probe in probes)
    words = "" if far else "verified up to the gateway only: a call would cost too much"
    return Proof(proven=True, words=words, fingerprint=fingerprint_of(probes))


def with_proofs(
    verdicts: Sequence[Verdict], proofs: Mapping[str, Proof]
) -> tuple[tuple[Verdict, ...], bool]:
    """The verdicts with what was proven, and whether something is still to be."""
    found = tuple(_with_proof(verdict, proofs.get(verdict.name.lower())) for verdict in verdicts)
    return found, any(proof.is_due and not proof.proven for proof in proofs.values())


def _with_proof(verdict: Verdict, proof: Proof | None) -> Verdict:
    if proof is None or verdict.state is not DeploymentState.APPLIED:
        return verdict
    reason = "; ".join(words for words in (verdict.reason, proof.words) if words)
    state = DeploymentState.VERIFIED if proof.proven else verdict.state
    return replace(verdict, state=state, reason=reason, proof=proof.fingerprint)


def fingerprint_of(probes: Sequence[Probe]) -> str:
    return "-".join(sorted(probe.fingerprint for probe in probes))
