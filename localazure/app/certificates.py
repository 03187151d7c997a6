"""The local Azure's own certificate authority, and the certificates that it issues, one per host name (files: 0600)."""

from __future__ import annotations

import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from localazure.app.clock import Clock
from localazure.app.state_files import CA_CERTIFICATE, CA_KEY, write_private

if TYPE_CHECKING:
    from pathlib import Path

_PEM = serialization.Encoding.PEM
_LIFETIME = timedelta(days=3650)


class Certificates:
    """TLS contexts by host name. Certificates are issued on first use and kept in the folder, the `most` used last."""

    def __init__(self, folder: Path, *, most: int = 500) -> None:
        self.folder = folder
        self.ca_file = folder / CA_CERTIFICATE
        self._most = most
        self._contexts: dict[str, ssl.SSLContext] = {}  # the one used last is at the end
        self._delete_oldest_files()
        if not (self.ca_file.exists() and self._ca_key_file.exists()):
            _create_authority(self.ca_file, self._ca_key_file)

    @property
    def _ca_key_file(self) -> Path:
        return self.folder / CA_KEY

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS context of a server with this host name.

        Issues its certificate if there is none; beyond `most`, deletes the one that was used longest ago.
        """
        self._contexts[host] = context = self._contexts.pop(host, None) or self._create_context(host)
        if len(self._contexts) > self._most:
            oldest = next(iter(self._contexts))
            del self._contexts[oldest]
            self._certificate_path(oldest).unlink(missing_ok=True)
        return context

    def _create_context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._ensure_certificate(host))
        except ssl.SSLError:  # the file is damaged
            self._certificate_path(host).unlink()
            context.load_cert_chain(self._ensure_certificate(host))
        return context

    def _delete_oldest_files(self) -> None:
        """Delete the certificates of previous runs but the newest."""
        files = sorted(self._certificate_path("x").parent.glob("*.pem"), key=lambda file: file.stat().st_mtime)
        for file in files[: -self._most]:
            file.unlink()

    def _certificate_path(self, host: str) -> Path:
        return self.folder / "hosts" / f"{host}.pem"

    def _ensure_certificate(self, host: str) -> Path:
        """Return the file with the host's certificate and key, issued if it is absent or older than the CA."""
        path = self._certificate_path(host)
        if not path.exists() or path.stat().st_mtime < self.ca_file.stat().st_mtime:
            write_private(path, _issue_certificate(host, self.ca_file.read_bytes(), self._ca_key_file.read_bytes()))
        return path


def _create_authority(certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name("provisioner local Azure")
    usage = _key_usage(ca=True)
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, _private_key_pem(key))
    write_private(certificate_file, certificate.public_bytes(_PEM))


def _issue_certificate(host: str, ca_certificate: bytes, ca_key: bytes) -> bytes:
    authority = x509.load_pem_x509_certificate(ca_certificate)
    ca_private_key = serialization.load_pem_private_key(ca_key, None)
    if not isinstance(ca_private_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the CA's key is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        # RFC 5280 bounds a common name to 64 characters; the alternative name is what counts.
        _builder(_common_name(host[:64]), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_private_key.public_key()), critical=False)
        .sign(ca_private_key, hashes.SHA256())
    )
    return _private_key_pem(key) + certificate.public_bytes(_PEM)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    # The machine's own time, not the local Azure's clock: clients check certificates by it.
    start = Clock().now() - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
