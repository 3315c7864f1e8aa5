"""A certificate authority of one's own and one server certificate, for https on this machine.

The authority's key is dropped after its one signature: whoever trusts ``ca.pem`` trusts exactly
these names, and nobody can sign more. New names mean a new authority.
"""

import contextlib
import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# OpenSSL refuses a wildcard directly below a top-level name, so ``*.localhost`` helps other TLS
# stacks only; name what Python, curl and Node should reach (github.com/openssl/openssl,
# crypto/x509/v3_utl.c, valid_star: at least two dots).
_LOCAL_NAMES = ("localhost", "*.localhost", "127.0.0.1", "::1")
_LIFETIME = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=7)
# Where the system's authorities are when OpenSSL's compiled-in path does not exist: Debian, Red
# Hat, Alpine and macOS, as in Go's crypto/x509/root_linux.go and root_darwin.go.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class Certificates:
    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def cert(self) -> Path:
        return self.directory / "cert.pem"

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    @property
    def bundle(self) -> Path:
        """The system's authorities and ours, for REQUESTS_CA_BUNDLE and SSL_CERT_FILE."""
        return self.directory / "bundle.pem"

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.cert, self.key)
        return context


def ensure_certificates(directory: Path, extra_names: Iterable[str] = ()) -> Certificates:
    """The certificates in ``directory``, made anew when missing, expiring or short of a name."""
    certificates = Certificates(directory)
    names = sorted({*_LOCAL_NAMES, *extra_names})
    if not _still_good(certificates, names):
        directory.mkdir(parents=True, exist_ok=True)
        _write(certificates, names)
    return certificates


def _still_good(certificates: Certificates, names: list[str]) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(certificates.ca.read_bytes())
        cert = x509.load_pem_x509_certificate(certificates.cert.read_bytes())
        key = serialization.load_pem_private_key(certificates.key.read_bytes(), password=None)
        cert.verify_directly_issued_by(ca)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    alternative = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        cert.public_key() == key.public_key()
        and set(_general_names(names)) == set(alternative)
        and cert.not_valid_after_utc - _RENEW_BEFORE > datetime.now(UTC)
        and certificates.bundle.exists()
    )


def _write(certificates: Certificates, names: list[str]) -> None:
    now = datetime.now(UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _authority(ca_key, now)
    cert = _leaf(ca, ca_key, key.public_key(), names, now)
    _write_private(certificates.key, key)
    ca_pem = ca.public_bytes(serialization.Encoding.PEM)
    # The leaf first: a server sends the file as its chain.
    certificates.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + ca_pem)
    certificates.ca.write_bytes(ca_pem)
    certificates.bundle.write_bytes(_system_authorities() + ca_pem)


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Local Azure CA {now:%F %T}")])
    # Python 3.13 verifies with VERIFY_X509_STRICT: an authority needs keyUsage, every certificate
    # its key identifiers (docs.python.org/3/whatsnew/3.13.html#ssl; RFC 5280 section 4.2.1).
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    names: list[str],
    now: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    issuer_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id)
    alternative = x509.SubjectAlternativeName(_general_names(names))
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(subject, ca.subject, public_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(alternative, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks of containers differ
        .not_valid_after(now + _LIFETIME)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _system_authorities() -> bytes:
    # ``openssl_cafile`` and not ``cafile``: an inherited SSL_CERT_FILE may be a bundle of ours.
    for path in (ssl.get_default_verify_paths().openssl_cafile, *_SYSTEM_BUNDLES):
        with contextlib.suppress(OSError):
            return Path(path).read_bytes().rstrip() + b"\n"
    return b""
