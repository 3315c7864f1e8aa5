"""Which reply belongs to which route."""

from collections.abc import Callable, Mapping

from sandbox.arm.cognitive.catalogue import Catalogue
from sandbox.models.call import Answer, Call
from sandbox.models.replies import anthropic, cohere, media, openai, responses
from sandbox.models.replies.catalogue import Models, info
from sandbox.models.replies.responses import Responses

type MakeReply = Callable[[Call], Answer]


def replies(catalogue: Catalogue) -> Mapping[str, MakeReply]:
    """By the id of the route; ``realtime`` is not here, for it is a conversation."""
    stored, models = Responses(), Models(catalogue)
    return {
        "chat": openai.chat,
        "completions": openai.completions,
        "embeddings": openai.embeddings,
        "image-embeddings": openai.embeddings,
        "images": media.images,
        "image-edits": media.image_edits,
        "transcriptions": media.transcription,
        "translations": media.transcription,
        "speech": media.speech,
        "responses": stored.create,
        "response-get": stored.get,
        "response-delete": stored.delete,
        "response-cancel": stored.cancel,
        "response-items": stored.input_items,
        "responses-compact": responses.compact,
        "responses-tokens": responses.count_tokens,
        "models": models.list,
        "model": models.get,
        "info": info,
        "messages": anthropic.messages,
        "count-tokens": anthropic.count_tokens,
        "rerank": cohere.rerank,
        "cohere-embed": cohere.embed,
    }
