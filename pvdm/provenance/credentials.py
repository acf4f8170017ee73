"""The certificate and the key that manifests are signed with, in the user's folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, write_through

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FOLDER = "PVDM_PROVENANCE"
"""Environment variable with the folder; by default provenance/ in the user's folder of settings for pvdm."""

CERTIFICATES, KEY, AUTHORITY = "certificate.pem", "key.pem", "authority.pem"
NEEDED = {"c2pa": "c2pa-python", "cryptography": "cryptography"}
NAME = "pvdm user"
DAYS = 3650
"""How long a self-made certificate is valid: a signature without a time stamp ends with its certificate."""

MOST_DAYS = 36500
LONGEST_NAME = 52
"""Characters; X.509 takes 64, and the authority's name is longer by 12."""

RENEW = "make one by pvdm provenance keygen --overwrite, or pass --no-provenance"
CURVES = {256: "es256", 384: "es384", 521: "es512"}
PURPOSES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
"""Extended key usages that C2PA takes: e-mail protection, document signing, C2PA's own; its specification, 14.5.1."""


@dataclass(frozen=True)
class Credentials:
    """What signs.

    Args:
        certificates: The chain as PEM, the signer's own first.
        key: The signer's private key as PEM.
        algorithm: As C2PA spells it: es256, ps256, ed25519, ...
    """

    certificates: bytes
    key: bytes = field(repr=False)
    algorithm: str


def credentials_folder() -> Path:
    """Where certificate and key lie."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(os.environ.get(FOLDER) or settings / "pvdm" / "provenance")


def stored_credentials() -> Credentials | None:
    """Those of the user; None if there are none. InputError if they are incomplete, damaged or expired."""
    folder = credentials_folder()
    if not (folder / CERTIFICATES).is_file():
        return None
    return read_credentials(folder / CERTIFICATES, folder / KEY)


def check_installed() -> None:
    """InputError without the packages of the extra."""
    if missing := [name for package, name in NEEDED.items() if find_spec(package) is None]:
        raise InputError(
            f"C2PA manifests need {' and '.join(missing)}",
            "pip install 'pvdm[provenance]', or pass --no-provenance where a video is written",
        )


def read_credentials(certificates: Path, key: Path) -> Credentials:
    """A chain of certificates and a private key, PEM; InputError unless they belong together and are valid today."""
    check_installed()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    chain, secret = _content(certificates), _content(key)
    try:
        own, *_ = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise InputError(f"{certificates} holds no certificate in PEM", "give a chain, the signer's first") from error
    try:
        private = serialization.load_pem_private_key(secret, None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{key} holds no private key in PEM without a password", "give one") from error
    if private.public_key() != own.public_key():
        raise InputError(f"{key} is not the key of {certificates}", "give those of one signer")
    _check_certificate(own, certificates)
    return Credentials(chain, secret, _algorithm(private, key))


def make_credentials(name: str = NAME, *, days: int = DAYS, overwrite: bool = False) -> Path:
    """Makes a certificate authority and a certificate of it, and returns their folder.

    The authority's own key is forgotten, so that it can sign nothing else. InputError if there are credentials already,
    and for a name that a certificate cannot hold.
    """
    if not 1 <= len(name.strip()) <= len(name) <= LONGEST_NAME:
        raise InputError(f"a name of {len(name.strip())} characters", f"give one of 1 to {LONGEST_NAME}")
    check_installed()
    certificates, key, authority = _self_made(name, days)
    return store_credentials(certificates, key, authority=authority, overwrite=overwrite)


def store_credentials(
    certificates: bytes, key: bytes, *, authority: bytes | None = None, overwrite: bool = False
) -> Path:
    """Puts PEM files into the user's folder, the key for the user's eyes alone, and returns the folder."""
    folder = credentials_folder()
    check_output(folder / CERTIFICATES, overwrite=overwrite)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_through(folder / KEY, b"")
    (folder / KEY).chmod(0o600)
    (folder / KEY).write_bytes(key)
    if authority is None:
        (folder / AUTHORITY).unlink(missing_ok=True)
    else:
        write_through(folder / AUTHORITY, authority)
    write_through(folder / CERTIFICATES, certificates)
    return folder


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", RENEW) from error


def _check_certificate(own: Certificate, path: Path) -> None:
    from cryptography import x509

    now = datetime.now(timezone.utc)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        has_begun = own.not_valid_before_utc <= now
        moment = own.not_valid_after_utc if has_begun else own.not_valid_before_utc
        what = "has expired on" if has_begun else "is not valid before"
        raise InputError(f"the certificate {path} {what} {moment:%Y-%m-%d}", RENEW)
    try:
        purposes = {
            usage.dotted_string for usage in own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        }
    except x509.ExtensionNotFound:
        purposes = set()
    if not purposes & set(PURPOSES):
        raise InputError(f"the certificate {path} is not for signing content", "give one for e-mail or documents")


def _algorithm(private: Any, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey) and private.key_size in CURVES:
        return CURVES[private.key_size]
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise InputError(f"{path} is a key of a kind that C2PA does not take", "give one of P-256, Ed25519 or RSA")


def _self_made(name: str, days: int) -> tuple[bytes, bytes, bytes]:
    """The chain, the key and the authority, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    above, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _subject(f"{name} (authority)")
    root = _builder(issuer, issuer, above, days, is_authority=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(above.public_key()), False)
    leaf = _builder(_subject(name), issuer, own, days, is_authority=False)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), False)
    signed = [builder.sign(above, _sha256()).public_bytes(serialization.Encoding.PEM) for builder in (leaf, root)]
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return b"".join(signed), own.private_bytes(serialization.Encoding.PEM, *plain), signed[1]


def _subject(name: str) -> Any:
    from cryptography.x509 import Name, NameAttribute
    from cryptography.x509.oid import NameOID

    return Name([NameAttribute(NameOID.ORGANIZATION_NAME, name), NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: Any, issuer: Any, key: Any, days: int, *, is_authority: bool) -> Any:
    """A certificate that is not signed yet; it begins an hour ago, for clocks that are late."""
    from cryptography import x509

    uses = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    uses = dict.fromkeys((*uses, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    uses["key_cert_sign" if is_authority else "digital_signature"] = True
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), True)
    return builder.add_extension(x509.KeyUsage(**uses), True)


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()
