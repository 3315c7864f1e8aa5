import ssl
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sandbox.processes import listen
from sandbox.tls import Certificates, ensure_certificates

_EXTRA = ("management.azure.com", "*.azure-api.net")


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return ensure_certificates(tmp_path / "tls", _EXTRA)


@pytest.mark.parametrize("trusted", ["ca", "bundle"])
@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "management.azure.com", "apim-onramp.azure-api.net"]
)
async def test_strict_verification_passes(
    certificates: Certificates, trusted: str, name: str
) -> None:
    context = ssl.create_default_context(cafile=getattr(certificates, trusted))
    assert context.verify_flags & ssl.VERIFY_X509_STRICT

    async with (
        listen(web.Application(), tls=certificates.server_context()) as url,
        aiohttp.ClientSession() as session,
        session.get(url, ssl=context, server_hostname=name) as reply,
    ):
        assert reply.status == 404


async def test_another_name_is_refused(certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=certificates.ca)

    async with (
        listen(web.Application(), tls=certificates.server_context()) as url,
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url, ssl=context, server_hostname="example.com")


async def test_a_client_without_the_authority_refuses(certificates: Certificates) -> None:
    async with (
        listen(web.Application(), tls=certificates.server_context()) as url,
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url)


def test_only_the_owner_reads_the_key(certificates: Certificates) -> None:
    assert stat.S_IMODE(certificates.key.stat().st_mode) == 0o600


def test_the_authority_keeps_no_key(certificates: Certificates) -> None:
    written = {path.name for path in certificates.directory.iterdir()}

    assert written == {"ca.pem", "cert.pem", "key.pem", "bundle.pem"}


def test_certificates_are_reused(certificates: Certificates) -> None:
    before = certificates.cert.read_bytes()

    ensure_certificates(certificates.directory, _EXTRA)

    assert certificates.cert.read_bytes() == before


@pytest.mark.parametrize("broken", ["ca", "cert", "key"])
def test_a_damaged_file_means_new_certificates(certificates: Certificates, broken: str) -> None:
    getattr(certificates, broken).write_text("nonsense")

    ensure_certificates(certificates.directory, _EXTRA)

    certificates.server_context()
    ssl.create_default_context(cafile=certificates.ca)


def test_a_key_of_other_certificates_means_new_certificates(
    certificates: Certificates, tmp_path: Path
) -> None:
    other = ensure_certificates(tmp_path / "other", _EXTRA)
    certificates.key.write_bytes(other.key.read_bytes())

    ensure_certificates(certificates.directory, _EXTRA)

    certificates.server_context()


def test_a_new_name_means_new_certificates(certificates: Certificates) -> None:
    before = certificates.cert.read_bytes()

    ensure_certificates(certificates.directory, (*_EXTRA, "login.microsoftonline.com"))

    assert certificates.cert.read_bytes() != before
