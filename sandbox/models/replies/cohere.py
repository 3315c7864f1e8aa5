"""Rerank and embed, as Cohere answers them: docs.cohere.com/reference/rerank, .../embed."""

from typing import Any

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Answer, Call
from sandbox.models.errors import invalid
from sandbox.models.replies.openai import vector


def rerank(call: Call) -> Answer:
    """The score of a document is the share of the query's words that it has."""
    query, documents = call.body.get("query"), call.body.get("documents")
    if not query or not documents:
        raise invalid("invalid request: query and documents must be specified")
    asked = set(str(query).lower().split())
    scored = [
        {"index": index, "relevance_score": _score(asked, words.text_of(document))}
        for index, document in enumerate(documents)
    ]
    scored.sort(key=lambda it: (-it["relevance_score"], it["index"]))
    results = scored[: call.body.get("top_n") or len(scored)]
    return Answer({"id": call.id("rerank-"), "results": results, "meta": _meta(call, "search")})


def embed(call: Call) -> Answer:
    texts = call.body.get("texts")
    if not texts:
        raise invalid("invalid request: texts must be specified")
    vectors = [vector(str(it), call.body.get("output_dimension")) for it in texts]
    return Answer(
        {
            "id": call.id("embed-"),
            "response_type": "embeddings_by_type",
            "embeddings": {"float": vectors},
            "texts": texts,
            "meta": _meta(call, "input"),
        }
    )


def _score(asked: set[str], document: str) -> float:
    return len(asked & set(document.lower().split())) / max(1, len(asked))


def _meta(call: Call, billed: str) -> Json:
    """The warnings say who answered, for nothing else in these answers could."""
    units: dict[str, Any] = (
        {"search_units": 1}
        if billed == "search"
        else {"input_tokens": words.prompt_words(call.body)}
    )
    return {
        "api_version": {"version": "2"},
        "billed_units": units,
        "warnings": [f"answered by {call.who}"],
    }
