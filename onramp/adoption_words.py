"""What adopting an API means, in words: what is done, what comes next, how to undo it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onramp.adoption import ASIDE, Case, chosen_products, families_beside, snippet, wanted_apis

if TYPE_CHECKING:
    from onramp.takeover import Takeover

type Words = tuple[list[str], str, str]  # steps, what comes next, how to undo


def words(it: "Takeover") -> Words:
    return _WORDS[it.case](it)


def to_write(it: "Takeover") -> str:
    """A rule for onramp.yaml, where one helps."""
    name = it.outlook.unit.name
    if it.case is Case.ELSEWHERE:
        return snippet(name, it.adoption.path)
    chosen = chosen_products(it.outlook, it.adoption.ours)
    every = sorted({*chosen, *it.products})
    if it.case is Case.MARK or len(every) == len(chosen):
        return ""
    return (
        "rules:\n"
        f"  - name: {name} stays in its products\n"
        f"    match: {{account: {name}}}\n"
        f"    set: {{products: [{', '.join(every)}]}}\n"
    )


def _ours(it: "Takeover") -> Words:
    return [f"Nothing: {it.adoption.ours.partition('/')[2]} is ours already."], "", ""


def _marked(it: "Takeover") -> Words:
    what = " and ".join(it.marks())
    mark = f"Our owner mark goes into the description of {what}; nothing else is written now."
    then = (
        "From then on it is ours: the next run (the app's, or apply) makes it what the plan below "
        "says, its operations and its policy included. Export it first if you may want it back."
    )
    undo = f"before the next run, {az(it, '--description')} with the text without the mark."
    return [mark, then], f"Now: python -m onramp apply --account {it.outlook.unit.name}", undo


def _replaced(it: "Takeover") -> Words:
    was, ours = it.adoption.path, it.adoption.ours.partition("/")[2]
    steps = []
    if it.case is Case.REPLACE:
        steps.append(f"{it.name} moves from /{was} to /{was}{ASIDE}; all else of it stays.")
    if not it.is_served:
        steps.append(f"{ours} is made, and takes /{was}.")
    if it.unlinked:
        steps.append(f"{ours} is put into the same products: {', '.join(it.unlinked)}.")
    if not it.is_served:
        steps.append(f"If that fails, {ours} is taken off again and {it.name} moves back.")
    undo = f"{_off(it)}, apply, then {az(it, f'--path {was}')}"
    return steps, f"Delete {it.name} when nobody misses it.", undo


def _off(it: "Takeover") -> str:
    """The choice that takes ours off, and no more of the account than it must."""
    unit = it.outlook.unit.name
    beside, siblings = families_beside(it.outlook, it.adoption.ours)
    if beside:
        choice = f"set surfaces: [{', '.join(sorted(beside))}] for {unit} in onramp.yaml"
    else:
        choice = (
            f"set onboard: false for {unit} in onramp.yaml (or the tag onramp:skip=true on the "
            "account)"
        )
    also = f" (which takes {', '.join(siblings)} off as well)" if siblings else ""
    return choice + also


def _elsewhere(it: "Takeover") -> Words:
    unit = it.outlook.unit.name
    wanted = ", ".join(f"/{path}" for path in wanted_apis(it.outlook).values()) or "none"
    what = (
        f"/{it.adoption.path} is the path of no API that {unit} is to have (those are: {wanted}), "
        "so nothing is done."
    )
    if to_write(it):
        return [what, "With this choice ours has that path; then adopt it again."], "", ""
    cannot = (
        "Our paths end with what the clients' SDKs add (/openai, /openai/v1, /models, ...) and "
        "this one doesn't, so ours can't have it: move its callers instead."
    )
    return [what, cannot], "", ""


def az(it: "Takeover", option: str) -> str:
    gateway = it.direct.settings.gateway_id
    return (
        f"az apim api update -g {gateway.resource_group} --service-name {gateway.name} "
        f"--api-id {it.name} {option}"
    )


_WORDS: Mapping[Case, "Callable[[Takeover], Words]"] = {
    Case.OURS: _ours,
    Case.MARK: _marked,
    Case.REPLACE: _replaced,
    Case.RESUME: _replaced,
    Case.ELSEWHERE: _elsewhere,
}
