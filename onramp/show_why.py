"""A deployment's story, or what would be decided for it, as text."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from onramp.records import DecisionAnswer
from onramp.screen import bullets, dim, heading, indented, moment, short_name, signed, table
from onramp.show_plan import kind_word, name_of
from shared.core.records import ChangeRecord, ChapterRecord, WhyAnswer

_SERVED = frozenset({"applied", "verified"})


def show_story(story: WhyAnswer) -> Iterator[RenderableType]:
    it = story.deployment
    yield _title(it.account, it.name)
    yield indented(Text.assemble(signed(it.state), f" since {moment(it.since)}: {it.reason}"))
    model = " ".join(filter(None, (it.model_format, it.model_name, it.model_version)))
    if model:
        yield indented(dim(f"{model}, {it.sku} {it.capacity}, kind {it.kind}"))
    if it.surfaces:
        word = "served on" if it.state in _SERVED else "meant for"
        yield indented(dim(f"{word} {', '.join(one.surface for one in it.surfaces)}"))
    yield ""
    yield Text.assemble(("What to do  ", "bold"), story.advice)
    yield ""
    yield heading("What happened, the newest first")
    for chapter in story.chapters:
        yield from _chapter(chapter)
    if not story.chapters:
        yield indented(dim("nobody wrote it down"))


def _chapter(chapter: ChapterRecord) -> Iterator[RenderableType]:
    yield ""
    before = f"{chapter.state_before} -> " if chapter.state_before else ""
    yield indented(
        Text.assemble((moment(chapter.at), "bold"), f"  {before}", signed(chapter.state))
    )
    yield indented(Text(chapter.words or chapter.reason), 4)
    yield from _writes(chapter.writes)
    yield indented(dim(f"run {chapter.run}"), 4)


def _writes(writes: tuple[ChangeRecord, ...]) -> Iterator[RenderableType]:
    for it in writes:
        word = f"{it.action} " if it.status not in ("", it.action) else ""
        line = Text.assemble(signed(it.status or it.action), f" {word}{kind_word(it.path)} ")
        line.append(name_of(it.path))
        if it.detail:
            line.append(f": {it.detail}")
        yield indented(line, 4)


def show_decision(it: DecisionAnswer) -> Iterator[RenderableType]:
    yield _title(it.account, it.name)
    yield indented(Text.assemble(signed(it.state), f": {it.reason}"))
    if it.model:
        yield indented(dim(f"{it.model}, kind {it.kind}; ARM says {it.provisioning_state}"))
    yield indented(dim("because of " + ("; ".join(it.because) or "the defaults")))
    yield ""
    yield Text.assemble(("What to do  ", "bold"), it.advice)
    if it.places:
        yield ""
        rows = table("surface", "path", "token limit", "content safety")
        for place in it.places:
            rows.add_row(
                place.surface,
                f"/{place.path}",
                place.limit or "none",
                place.content_safety or "none",
            )
        yield indented(rows)
    if it.changes:
        yield ""
        yield heading("Still to be done")
        yield from _writes(it.changes)
    if it.notes:
        yield ""
        yield heading("Notes on the account")
        yield from bullets(it.notes)


def _title(account: str, name: str) -> Text:
    return heading(f"{short_name(account)}/{name}")
