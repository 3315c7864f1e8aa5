"""GET /api/board: the page for people.

Anybody may load it, as it holds no data: what it shows it asks of the HTTP API, with the reader's
key. So what is to be guarded is that key, and the headers are for that. The policy names the one
script and the one style sheet by their hashes: no other can run, wherever a name that comes from
outside may end up, and nothing can be sent to anybody but the app
(https://www.w3.org/TR/CSP3/#framework-directive-source-list).
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import azure.functions as func

bp = func.Blueprint()
_FILE = Path(__file__).with_name("board.html")
_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)
_REST = (
    "default-src 'none'",
    "connect-src 'self'",
    "img-src data:",  # the icon of the tab
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",  # text never becomes markup
    "trusted-types 'none'",
)


@bp.function_name("board")
@bp.route(route="board", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def board(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger's name
    text, headers = page()
    return func.HttpResponse(text, mimetype="text/html", charset="utf-8", headers=headers)


@cache
def page() -> tuple[str, dict[str, str]]:
    """The page, and the headers that it must be served with."""
    text = _FILE.read_text(encoding="utf-8")
    return text, {
        "Content-Security-Policy": content_security_policy(text),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def content_security_policy(text: str) -> str:
    """A policy that allows the inline scripts and style sheets of *text*, and no others."""
    hashes = [f"{tag}-src '{_hash(inline)}'" for tag, inline in _INLINE.findall(text)]
    return "; ".join((*hashes, *_REST))


def _hash(inline: str) -> str:
    return f"sha256-{b64encode(sha256(inline.encode()).digest()).decode()}"
