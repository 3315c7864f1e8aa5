"""What a policy takes for the deployment that a request names.

The expressions are C#, so their regular expressions are read out of them and run here by the same
steps. How the model's host reads a body is unknown: one that two readers could read in two ways
must name nobody.
"""

import re
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from xml.etree import ElementTree as ET

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

from sandbox.arm.apim.csharp import expression_problem
from shared.core import policy_expressions as expressions
from shared.core.openapi import all_kinds
from shared.core.surfaces import SURFACES, DeploymentIn, Surface
from tests.core.test_policy_documents import text_of

type Request = tuple[str, bytes]  # content type, body


def code_of(surface: Surface) -> str:
    value = expressions.deployment_name(surface, surface.needed(all_kinds(surface)))
    return ET.fromstring(f"<a b={value} />").get("b") or ""


def texts_of(code: str) -> list[str]:
    """The string literals, as they are to C#."""
    meant = {"r": "\r", "n": "\n"}
    literals = re.findall(r'"((?:\\.|[^"\\])*)"', code)
    return [re.sub(r"\\(.)", lambda it: meant.get(it[1], it[1]), found) for found in literals]


def only(start: str) -> str:
    (found,) = {it for it in texts_of(code_of(SURFACES["azure-openai-v1"])) if it.startswith(start)}
    return found


BOUNDARY, HEAD, END = only("^multipart"), only("^\r\n(?:Content"), only("^--")


def form_name(request: Request) -> str:
    """What the expression yields for a form."""
    content_type, content = request
    body = content.decode("utf-8", "replace")
    found = re.search(BOUNDARY, content_type)
    boundary = found[2] if found else ""
    parts = re.split("\r\n--" + boundary, "\r\n" + body)
    ends = parts[0] == "" and re.search(END, parts[-1])
    models, name = (0 if boundary and ends else 2), ""
    for part in parts[1:-1]:
        head = re.search(HEAD, part, re.IGNORECASE)
        if head is None or "--" + boundary in part:
            models = 2
        elif head[2].lower() == "model":
            models += 1
            name = "" if head[3] else part[head.end() :]
    return name.lower() if models == 1 else ""


# What form_name follows, its texts left out.
STEPS = """
var boundary = Regex.Match(context.Request.Headers.GetValueOrDefault("", ""), "").Groups[2].Value;
var body = context.Request.Body?.As<string>(preserveContent: true) ?? "";
var parts = Regex.Split("" + body, "" + boundary);
var ends = parts[0] == "" && Regex.IsMatch(parts[parts.Length - 1], "");
var models = boundary != "" && ends ? 0 : 2;
for (var i = 1; i < parts.Length - 1; i++) {
var head = Regex.Match(parts[i], "", RegexOptions.IgnoreCase);
if (!head.Success || Regex.IsMatch(parts[i], "" + boundary)) { models = 2; }
if (head.Groups[2].Value.ToLowerInvariant() == "") { models++;
name = head.Groups[3].Value == "" ? parts[i].Substring(head.Length) : ""; } }
if (models != 1) { name = ""; }
"""


def test_a_form_is_read_here_by_the_steps_of_the_expression() -> None:
    steps = re.sub(r'"(?:\\.|[^"\\])*"', '""', code_of(SURFACES["azure-openai-v1"]))

    assert " ".join(STEPS.split()) in steps


def sent_by(call: Callable[[OpenAI], object]) -> Request:
    """What OpenAI's own client, and httpx below it, send."""
    seen: list[Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["content-type"], request.read()))
        return httpx.Response(200, json={"text": "", "data": [], "created": 1})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        call(OpenAI(api_key="k", base_url="http://gateway.invalid", http_client=http))
    (found,) = seen
    return found


AUDIO = b'RIFF\r\n\r\n\xff\x00 name="model"\r\n--x\r\n\xc3'
SDK: dict[str, Callable[[OpenAI], object]] = {
    "transcription": lambda it: it.audio.transcriptions.create(
        model="Whisper", file=("a b.wav", AUDIO), prompt='Content-Disposition: x; name="model"'
    ),
    "a file called as the part": lambda it: it.audio.transcriptions.create(
        model="Whisper", file=("model.wav", AUDIO), language="en", temperature=0.5
    ),
    "a file's name with signs in it": lambda it: it.audio.transcriptions.create(
        model="Whisper", file=('"; name="model"\r\n; é.wav', AUDIO)
    ),
    "lists": lambda it: it.audio.transcriptions.create(
        model="Whisper",
        file=AUDIO,
        timestamp_granularities=["word"],
        response_format="verbose_json",
    ),
    "translation": lambda it: it.audio.translations.create(model="Whisper", file=("m.mp3", AUDIO)),
    "edit": lambda it: it.images.edit(model="Whisper", image=("a.png", AUDIO), prompt="a\r\nb"),
    "edit of many": lambda it: it.images.edit(
        model="Whisper", image=[("a.png", AUDIO), ("b.png", AUDIO)], mask=AUDIO, prompt="model"
    ),
}


@pytest.mark.parametrize("call", SDK.values(), ids=SDK)
def test_the_name_is_found_in_what_openais_client_sends(call: Callable[[OpenAI], object]) -> None:
    assert form_name(sent_by(call)) == "whisper"


def a_form(*parts: str, boundary: str = "b-1", content_type: str = "", end: str = "--") -> Request:
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}{end}\r\n"
    return content_type or f"multipart/form-data; boundary={boundary}", body.encode()


NAMED = 'Content-Disposition: form-data; name="model"'
MODEL = f"{NAMED}\r\n\r\nallowed"
HIDDEN = f"{NAMED}\r\n\r\nhidden"
FILE = 'Content-Disposition: form-data; name="file"; filename="a.wav"'
WAV = f"{FILE}\r\nContent-Type: audio/wav\r\n\r\nRIFF"


@pytest.mark.parametrize(
    "request_",
    [
        a_form(MODEL, WAV),
        a_form(WAV, MODEL),
        a_form(MODEL, WAV, boundary="-" * 24 + "48325daf31181570"),  # curl 7.88
        a_form(MODEL, WAV, boundary="----formdata-undici-066882515521"),  # Node's fetch
        a_form(MODEL, WAV, boundary="----WebKitFormBoundaryAbCd_1"),
        # .NET's MultipartFormDataContent, as OpenAI's client uses it
        a_form(
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Disposition: form-data; name=model\r\n\r\nallowed",
            "Content-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''a.wav"
            "\r\n\r\nRIFF",
            content_type='multipart/form-data; boundary="b-1"',
        ),
        # OkHttp, as Java's clients use it
        a_form(f"{NAMED}\r\nContent-Length: 7\r\n\r\nallowed", WAV),
        a_form(  # Apache HttpClient
            f"{NAMED}\r\nContent-Type: text/plain; charset=UTF-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nallowed",
        ),
        a_form(MODEL.lower()),
        (a_form(MODEL)[0], a_form(MODEL)[1].removesuffix(b"\r\n")),
        a_form(MODEL, WAV.replace("RIFF", "")),
    ],
)
def test_the_name_is_found_in_what_other_clients_send(request_: Request) -> None:
    assert form_name(request_) == "allowed"


@pytest.mark.parametrize(
    "request_",
    [
        a_form(MODEL, HIDDEN),
        a_form(HIDDEN, MODEL),
        a_form(MODEL, MODEL),
        a_form(MODEL, HIDDEN.replace("model", "MODEL")),
        a_form(MODEL, HIDDEN.replace('"model"', "model")),
        a_form(MODEL, HIDDEN.replace('name="model"', "name*=utf-8''model")),
        a_form(MODEL, HIDDEN.replace('name="model"', 'name*0="mod"; name*1="el"')),
        a_form(MODEL, HIDDEN.replace('"model"', '"mo\\del"')),
        a_form(MODEL, HIDDEN.replace('"model"', '"mod%65l"')),
        a_form(MODEL, HIDDEN.replace('name="model"', 'name = "model"')),
        a_form(MODEL, HIDDEN.replace('; name="model"', ';\r\n name="model"')),
        a_form(MODEL, HIDDEN.replace('name="model"', 'name="prompt"; name="model"')),
        a_form(MODEL, HIDDEN.replace('name="model"', 'name="prompt"; filename="a"; name="model"')),
        a_form(MODEL, HIDDEN.replace('name="model"', 'name="p"; filename="a\\"; name="model"')),
        a_form(MODEL, f'Content-Disposition: form-data; name="prompt"\r\n{HIDDEN}'),
        a_form(MODEL, f"X-A: b\r\n{HIDDEN}"),
        a_form(MODEL, f"Content-Disposition : form-data\r\n{HIDDEN}"),
        a_form(MODEL, HIDDEN.replace("\r\n", "\n")),
        a_form(MODEL, f"{WAV}\n--b-1\n{HIDDEN}"),
        a_form(MODEL, f"{WAV}\r\n--b-1 \r\n{HIDDEN}"),
        a_form(MODEL, f"{WAV}\r\n--b-1--\r\n--b-1\r\n{HIDDEN}"),
        a_form(MODEL, end="--\r\n--b-1\r\n" + HIDDEN),
        a_form(MODEL, end=""),
        a_form(MODEL.replace('"model"', '"model"; filename="model.wav"')),
        a_form(MODEL.replace('"model"', "\"model\"; filename*=utf-8''model.wav")),
        a_form(WAV.replace("a.wav", "model.wav")),
        a_form(WAV.replace("RIFF", f"\r\n{MODEL}\r\n")),
        a_form(MODEL, content_type="multipart/form-data; boundary=b"),
        a_form(MODEL, content_type="multipart/form-data; boundary=b-1; boundary=c"),
        a_form(MODEL, content_type="multipart/form-data; charset=utf-16; boundary=b-1"),
        a_form(MODEL, content_type="multipart/form-data; boundary=b-1, multipart/form-data"),
        a_form(MODEL, content_type='multipart/form-data; boundary="b-1'),
        a_form(MODEL, content_type="multipart/form-data; boundary="),
        a_form(MODEL, content_type="multipart/form-data; boundary=.*"),
        a_form(MODEL, content_type="multipart/mixed; boundary=b-1"),
        a_form(MODEL, content_type="application/json"),
        a_form(MODEL, boundary="b+1"),
        ("multipart/form-data; boundary=b-1", b"junk\r\n" + a_form(MODEL)[1]),
        ("multipart/form-data; boundary=b-1", b'{"model":"allowed"}/*\r\n' + a_form(HIDDEN)[1]),
        ("multipart/form-data; boundary=b-1", b'{"model":"allowed"}'),
        ("multipart/form-data; boundary=b-1", b""),
        ("", b""),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_names_nobody(request_: Request) -> None:
    assert form_name(request_) == ""


def test_a_part_in_a_file_is_the_files_own() -> None:
    inner = a_form(HIDDEN, boundary="inner")[1].decode()

    assert form_name(a_form(MODEL, WAV.replace("RIFF", inner))) == "allowed"


@pytest.mark.parametrize("value", ["hidden\r\nallowed", "allowed\r\n", " allowed", '"allowed"'])
def test_a_value_is_taken_as_it_stands(value: str) -> None:
    assert form_name(a_form(MODEL.replace("allowed", value))) == value


def models_in(request: Request) -> set[str]:
    """What a plain MIME reader takes for the parts called model."""
    content_type, body = request
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = [it for it in message.walk() if it is not message]
    named = (it for it in parts if it.get_param("name", header="content-disposition"))
    return {
        str(it.get_payload())
        for it in named
        if str(it.get_param("name", header="content-disposition")).lower() == "model"
    }


_SCRAPS = (
    *("--b-1", "--b-1--", "--b", "\r\n", "\r\n\r\n", "\n", "\r", " ", "\t", '"', ";", "\\"),
    *(NAMED, FILE, MODEL, HIDDEN, WAV, "allowed", "hidden", "Content-Type: text/plain"),
    *("Content-Disposition: form-data", "; name=model", "; name*=utf-8''model", "; filename=x"),
    *("\r\n--b-1\r\n", "\r\n--b-1--\r\n", 'name="prompt"', "x: y"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_SCRAPS), max_size=8), st.integers(0, 3))
def test_what_is_read_is_what_a_mime_reader_reads(scraps: list[str], place: int) -> None:
    parts = [MODEL, WAV]
    parts.insert(place, "".join(scraps))
    request = a_form(*parts)

    if name := form_name(request):
        assert {it.lower() for it in models_in(request)} == {name}


MARKS = {
    DeploymentIn.PATH: 'name = context.Request.MatchedParameters.GetValueOrDefault("deployment-id"',
    DeploymentIn.MODEL_PATH: 'name = context.Request.MatchedParameters.GetValueOrDefault("model"',
    DeploymentIn.QUERY: "name = context.Request.Url.Query.GetValueOrDefault(",
    DeploymentIn.BODY: "try { name = (string)context.Request.Body?.As<JObject>(",
    DeploymentIn.FORM: "var boundary = ",
}


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda it: it.name)
def test_an_operation_is_read_only_where_its_deployment_is_named(surface: Surface) -> None:
    """Else a query parameter or a JSON preamble would hide what the body names."""
    code = code_of(surface)
    places = {it.deployment_in for it in surface.operations}
    assert {place for place, mark in MARKS.items() if mark in code} == places & MARKS.keys()
    if len(places) == 1:
        return

    condition = r'context\.Operation\.Id == "([\w-]+)"'
    blocks = re.findall(rf"if \(((?:{condition}(?: \|\| )?)+)\) \{{ (.{{80}})", code)
    read = [(id_, then) for ids, *_, then in blocks for id_ in re.findall(condition, ids)]
    assert len(dict(read)) == len(read)
    assert code.count("} else if (context.Operation.Id") == len(blocks) - 1
    for operation in surface.operations:
        if operation.deployment_in is DeploymentIn.NOWHERE:
            assert operation.id not in dict(read)
        else:
            assert dict(read)[operation.id].startswith(MARKS[operation.deployment_in][:80])


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda it: it.name)
def test_every_expression_ends_where_it_should_and_uses_only_what_is_allowed(
    surface: Surface,
) -> None:
    """learn.microsoft.com/azure/api-management/api-management-policy-expressions, the table."""
    allowed = {"IsMatch", "Match", "Matches", "Replace", "Unescape", "Split"}
    root = ET.fromstring(text_of(surface))
    values = [value for it in root.iter() for value in it.attrib.values()]

    for value in filter(lambda it: it.startswith("@"), values):
        assert expression_problem(value) is None
        assert set(re.findall(r"\bRegex\.(\w+)", value)) <= allowed
        assert "Matches(" not in value  # its MatchCollection is not in the table
