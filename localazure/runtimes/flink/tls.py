"""The one certificate of a local Flink, shared by its REST API, its internal ports and their clients.

Created at each start. Flink takes self-signed certificates that both sides share:
https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/security/security-ssl/
"""

from __future__ import annotations

import ipaddress
import secrets
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from localazure.app.clock import Clock
from localazure.app.state_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

_LIFETIME = timedelta(days=3650)
_PEM_FILE = "flink.pem"


def create_certificate(folder: Path) -> dict[str, str]:
    """Write the certificate, its key store and its trust store into the folder. Returns Flink's settings for them."""
    key, password = ec.generate_private_key(ec.SECP256R1()), secrets.token_urlsafe()
    certificate = _self_signed_certificate(key)
    encryption = serialization.BestAvailableEncryption(password.encode())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(folder / _PEM_FILE, private + certificate.public_bytes(serialization.Encoding.PEM))
    keys = pkcs12.serialize_key_and_certificates(b"flink", key, certificate, None, encryption)
    write_private(folder / "keys.p12", keys)
    trusted = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(certificate, b"flink")], encryption)
    write_private(folder / "trust.p12", trusted)
    stores = {
        "keystore": str(folder / "keys.p12"),
        "keystore-password": password,
        "key-password": password,
        "truststore": str(folder / "trust.p12"),
        "truststore-password": password,
    }
    return {
        "security.ssl.algorithms": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",  # by default those of RSA keys only
        "security.ssl.internal.enabled": "true",
        "security.ssl.rest.enabled": "true",
        "security.ssl.rest.authentication-enabled": "true",
        **{f"security.ssl.{name}": value for name, value in stores.items()},
    }


def client_context(folder: Path) -> ssl.SSLContext:
    """Return the TLS context of a client of the Flink whose certificate is in the folder."""
    certificate_file = folder / _PEM_FILE
    context = ssl.create_default_context(cafile=certificate_file)
    context.load_cert_chain(certificate_file)
    return context


def _self_signed_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local Flink")])
    start = Clock().now() - timedelta(days=1)  # the machine's own time, by which Java checks it
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
