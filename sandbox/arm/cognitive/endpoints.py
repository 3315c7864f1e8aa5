"""Where an account answers: the ``endpoint`` and ``endpoints`` members of its properties.

Reported in ARM answers of public repositories (the full map of kind AIServices was not captured).
Without a custom subdomain everything is the shared regional host, and Entra ID does not work there
(learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains).
"""

_OPENAI = (
    "OpenAI Language Model Instance API",
    "OpenAI Dall-E API",
    "OpenAI Moderations API",
    "OpenAI Sora API",
    "OpenAI Whisper API",
    "OpenAI Model Scaleset API",
    "OpenAI Realtime API",
)
_FOUNDRY = ("AI Foundry API", "Azure AI Model Inference API")
_COGNITIVE = ("Token Service API", "FormRecognizer", "Content Safety")


def endpoint_of(kind: str, subdomain: str | None, location: str) -> str:
    if not subdomain:
        return f"https://{location}.api.cognitive.microsoft.com/"
    host = "openai.azure.com" if kind.lower() == "openai" else "cognitiveservices.azure.com"
    return f"https://{subdomain}.{host}/"


def endpoints_of(kind: str, subdomain: str | None, location: str) -> dict[str, str]:
    main = endpoint_of(kind, subdomain, location)
    names: dict[str, str]
    match kind.lower():
        case "openai":
            names = dict.fromkeys((*_OPENAI, "Token Service API"), "openai.azure.com")
        case "aiservices":
            names = (
                dict.fromkeys(_OPENAI, "openai.azure.com")
                | dict.fromkeys(_FOUNDRY, "services.ai.azure.com")
                | dict.fromkeys(_COGNITIVE, "cognitiveservices.azure.com")
            )
        case "contentsafety":
            return {"Content Safety": main}
        case _:
            return {kind: main}  # UNVERIFIED: their maps were not captured
    if not subdomain:
        return dict.fromkeys(names, main)
    return {name: f"https://{subdomain}.{host}/" for name, host in names.items()}
