"""What adopting an API means, in words: what is done, what comes next, how to undo it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onramp.adoption import ASIDE, Case, snippet, wanted_apis

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
    if it.case in (Case.REPLACE, Case.RESUME) and it.products:
        products = ", ".join(it.products)
        return (
            "rules:\n"
            f"  - name: {name} stays in its products\n"
            f"    match: {{account: {name}}}\n"
            f"    set: {{products: [{products}]}}\n"
        )
    return ""


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
    was, ours, unit = it.adoption.path, it.adoption.ours.partition("/")[2], it.outlook.unit.name
    steps = [f"{ours} is made, and takes /{was}."]
    if it.case is Case.REPLACE:
        aside = f"{it.name} moves from /{was} to /{was}{ASIDE}; all else of it stays."
        steps = [aside, *steps]
    if it.products:
        steps.append(f"{ours} is put into the same products: {', '.join(it.products)}.")
    steps.append(f"If ours can't be made, it is taken off and {it.name} moves back.")
    undo = (
        f"set onboard: false for {unit} in onramp.yaml (or the tag onramp:skip=true on the "
        f"account), apply, then {az(it, f'--path {was}')}"
    )
    return steps, f"Delete {it.name} when nobody misses it.", undo


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
