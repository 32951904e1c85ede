"""Make a certificate authority for this machine, and a certificate for each name that a client asks for.

The certificate of the authority restricts it to `localhost`, names below `localhost`, and the loopback addresses.  Clients
that trust the authority accept no certificate of it for another host.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flashc_core.files import replacing

_DAYS = 365
_MOST_NAMES = 256


class Authority:
    """The certificate authority whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the authority; make a new one if there is none or it expires within a month.

        Raises:
            OSError: the files of the authority, or those with trusted certificates, can't be read or written.
        """
        self.certificate_path = folder / "ca.pem"
        self.bundle_path = folder / "ca-bundle.pem"
        key_path = folder / "ca.key"
        if not (key_path.exists() and self.certificate_path.exists()) or _is_old(
            self.certificate_path
        ):
            _make_authority(key_path, self.certificate_path)
        self._certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        _write(self.bundle_path, b"\n".join(self._trusted()))
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    def _trusted(self) -> list[bytes]:
        """Return the files of certificates that clients trust anyway, and the certificate of this authority.

        Companies with a certificate authority of their own add its certificate to the system's file, or to the file
        that `REQUESTS_CA_BUNDLE` names.
        """
        named = [
            certifi.where(),
            ssl.get_default_verify_paths().cafile,
            os.environ.get("REQUESTS_CA_BUNDLE"),
        ]
        paths = {Path(name).resolve() for name in named if name} - {self.bundle_path.resolve()}
        files = [path.read_bytes() for path in sorted(paths) if path.is_file()]
        return [*files, self.certificate_path.read_bytes()]

    def context(self) -> ssl.SSLContext:
        """Return a TLS context that makes a certificate for each host name when a client first asks for the name."""
        context = self._context_for("localhost")
        context.sni_callback = self._choose_context
        return context

    def _choose_context(
        self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        """Give a connection the certificate for the name that the client asks for, if the name is one of this machine."""
        if name is not None and (name == "localhost" or name.endswith(".localhost")):
            connection.context = self._context_for(name)
        return None

    def _context_for(self, name: str) -> ssl.SSLContext:
        """Return the TLS context for a host name; make it the first time."""
        context = self._contexts.get(name)
        if context is None:
            context = self._contexts[name] = self._make_context(name)
            if len(self._contexts) > _MOST_NAMES:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(name)
        return context

    def _make_context(self, name: str) -> ssl.SSLContext:
        """Make a certificate for a host name, and return a TLS context with it."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName(name),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        certificate = (
            _begin_certificate(
                name, self._certificate.subject, key.public_key(), self._key.public_key()
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with tempfile.NamedTemporaryFile() as stream:  # `ssl` reads certificates from files only
            stream.write(certificate.public_bytes(serialization.Encoding.PEM) + _pem(key))
            stream.flush()
            context.load_cert_chain(stream.name)
        return context


def _make_authority(key_path: Path, certificate_path: Path) -> None:
    """Make the key and the certificate of a new authority, and write their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "flashc on this machine")])
    allowed: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    ]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _begin_certificate("flashc on this machine", name, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.NameConstraints(permitted_subtrees=allowed, excluded_subtrees=None), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _pem(key), mode=0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM))


def _begin_certificate(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    authority: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """Begin a certificate for `key` that `authority` will sign.

    The certificate identifies both keys, because Python 3.13 refuses certificates that do not.
    """
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False
        )
    )


def _is_old(path: Path) -> bool:
    """Return whether a certificate expires within a month."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=30)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file in one step, with these permissions."""
    with replacing(path, mode=mode) as temporary:
        temporary.write_bytes(content)
        os.chmod(temporary, mode)
