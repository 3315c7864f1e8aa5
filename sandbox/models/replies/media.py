"""Images and audio: learn.microsoft.com/azure/ai-foundry/openai/reference-preview."""

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Answer, Call
from sandbox.models.errors import invalid
from sandbox.models.replies.openai import missing

# One pixel.
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)
_AUDIO = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_PLAIN_TEXTS = ("text", "srt", "vtt")


def images(call: Call) -> Answer:
    if not call.body.get("prompt"):
        raise missing("prompt")
    said = call.says(str(call.body["prompt"]))
    many = _many(call)
    return Answer({"created": call.now, "data": [_image(call, said)] * many} | _usage(call))


def image_edits(call: Call) -> Answer:
    """One picture or many, which SDKs call ``image[]`` then."""
    if not any(it.field in ("image", "image[]") for it in call.content.files):
        raise missing("image")
    return images(call)


def transcription(call: Call) -> Answer:
    sound = next((it for it in call.content.files if it.field == "file"), None)
    if sound is None:
        raise missing("file")
    said = call.says(f"{len(sound.content)} bytes of {sound.file_name}")
    wanted = str(call.body.get("response_format") or "json")
    if wanted in _PLAIN_TEXTS:
        return Answer(said, "text/plain")
    if wanted == "verbose_json":
        task = "translate" if call.route.id == "translations" else "transcribe"
        return Answer(
            {"task": task, "language": "english", "duration": 1.0, "text": said, "segments": []}
        )
    return Answer({"text": said})


def speech(call: Call) -> Answer:
    """No sound: an ID3 mark and the text."""
    for name in ("input", "voice"):
        if not call.body.get(name):
            raise missing(name)
    wanted = str(call.body.get("response_format") or "mp3")
    if wanted not in _AUDIO:
        raise invalid(f"Invalid value: '{wanted}'.", "response_format", "invalid_value")
    return Answer(b"ID3" + call.says(str(call.body["input"])).encode(), _AUDIO[wanted])


def _many(call: Call) -> int:
    """A number, or its digits in a form."""
    given = str(call.body.get("n") or 1)
    if given not in map(str, range(1, 11)):
        raise invalid(f"Invalid 'n': '{given}'.", "n", "invalid_value")
    return int(given)


def _is_dall_e(call: Call) -> bool:
    return call.deployment.model.lower().startswith("dall-e")


def _image(call: Call, said: str) -> Json:
    """dall-e answers with an address unless asked for bytes, gpt-image with bytes always.

    learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e. Nothing is at the address.
    """
    if _is_dall_e(call) and call.body.get("response_format") != "b64_json":
        return {"url": f"https://images.invalid/{call.who}.png", "revised_prompt": said}
    return {"b64_json": _PNG, "revised_prompt": said}


def _usage(call: Call) -> Json:
    if _is_dall_e(call):
        return {}
    asked = words.prompt_words(call.body)
    return {
        "usage": {
            "input_tokens": asked,
            "output_tokens": 1,
            "total_tokens": asked + 1,
            "input_tokens_details": {"text_tokens": asked, "image_tokens": 0},
        }
    }
