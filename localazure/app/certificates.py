"""The CA of this machine's local Azure and the certificates it mints, one per host name, kept beside it (0600)."""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from localazure.app.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

CA_FILE = "ca.pem"
_PEM = serialization.Encoding.PEM
_LIFETIME = timedelta(days=3650)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


class Certificates:
    """TLS contexts by host name; minting takes a millisecond, a known name nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / CA_FILE
        self._contexts: dict[str, ssl.SSLContext] = {}
        if not (self.ca_file.exists() and self._ca_key_file.exists()):
            _make_authority(self.ca_file, self._ca_key_file)

    @property
    def _ca_key_file(self) -> Path:
        return self.folder / "ca.key"

    def context(self, host: str) -> ssl.SSLContext:
        """The server side of TLS for one name."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            context.load_cert_chain(self._leaf(host))
            self._contexts[host] = context
        return self._contexts[host]

    def _leaf(self, host: str) -> Path:
        path = self.folder / "hosts" / f"{host}.pem"
        if not path.exists() or path.stat().st_mtime < self.ca_file.stat().st_mtime:
            write_private(path, _mint(host, self.ca_file.read_bytes(), self._ca_key_file.read_bytes()))
        return path


def _make_authority(certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("provisioner local Azure")
    usage = _usage(ca=True)
    made = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, _pem(key))
    write_private(certificate_file, made.public_bytes(_PEM))


def _mint(host: str, ca_certificate: bytes, ca_key: bytes) -> bytes:
    authority = x509.load_pem_x509_certificate(ca_certificate)
    signing = serialization.load_pem_private_key(ca_key, None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise TypeError("the CA's key is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        # RFC 5280 bounds a common name to 64 characters; the alternative name is what counts.
        _builder(_name(host[:64]), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return _pem(key) + made.public_bytes(_PEM)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    # The machine's own time: clients check certificates by it, whatever the local Azure's clock says.
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


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _usage(*, ca: bool) -> x509.KeyUsage:
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


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
