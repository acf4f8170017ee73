"""C2PA manifests: signed statements in a file of how it was made, which any change of the file breaks.

C2PA Technical Specification 2.2, by the C2PA's own library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pvdm.errors import InputError, one_line
from pvdm.provenance.credentials import AUTHORITY, Credentials, check_installed, credentials_folder

if TYPE_CHECKING:
    from pvdm.provenance.origin import Provenance

SIGNABLE = (".mp4", ".gif", ".webp", ".png", ".jpg", ".jpeg")
MODEL = "pvdm.model"
"""Label of the assertion that names the model."""

MARK = b"c2pa"
"""The label of any manifest's box."""
EXPIRED = "signingCredential.expired"

State = Literal["trusted", "valid", "invalid", "none"]


@dataclass(frozen=True)
class Manifest:
    """What a file says by a manifest.

    Args:
        state: `trusted`: intact, by a signer that is known; `valid`: intact, by a signer that is not; `invalid`:
            changed since it was signed, or its certificate has expired; `none`: there is no manifest.
        signer: Whom the certificate names.
        date: When it was signed, by the signer's clock, ISO 8601.
        software: The program.
        source_type: The IPTC's term for how it was made, an address.
        model: Name and digest of the model, for manifests of this package.
        problems: Why it is not trusted.
    """

    state: State
    signer: str | None = None
    date: str | None = None
    software: str | None = None
    source_type: str | None = None
    model: dict[str, Any] | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_expired(self) -> bool:
        """Whether the file is as it was signed, and all that is wrong is that its certificate has expired."""
        about = [problem.partition(":")[0] for problem in self.problems]
        return EXPIRED in about and all(code.startswith("signingCredential.") for code in about)


def sign(path: Path, suffix: str, provenance: Provenance, credentials: Credentials) -> None:
    """Puts a manifest into a complete file of a format; InputError if that fails."""
    check_installed()
    import c2pa

    signed = path.with_name(f"{path.name}.signed")
    info = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.certificates, credentials.key, None)
    try:
        with (
            c2pa.Context() as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_definition(provenance), context) as builder,
            path.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(signer, suffix[1:].lower(), source, target)
        signed.replace(path)
    except c2pa.C2paError as error:
        problem = f"the file cannot be signed ({one_line(error)})"
        raise InputError(problem, "check the certificate, or pass --no-provenance") from error
    finally:
        signed.unlink(missing_ok=True)


def read_manifest(path: str | Path, trust: Sequence[Path] = ()) -> Manifest:
    """What a file's manifest says, and whether it holds; `InputError` if the file cannot be read.

    trust: PEM files of certificate authorities, beside the user's own.
    """
    check_installed()
    import c2pa

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is a folder" if path.is_dir() else f"{path} does not exist", "give one file")
    settings = {"trust": {"trust_anchors": anchors}} if (anchors := _anchors(trust)) else {}
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            path.open("rb") as source,
            c2pa.Reader(path.suffix[1:].lower(), source, context=context) as reader,
        ):
            return _found(reader)
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return Manifest("none")
    except c2pa.C2paError as error:  # a damaged file, with a manifest or without
        return Manifest("invalid" if MARK in path.read_bytes() else "none", problems=(one_line(error),))


def _definition(provenance: Provenance) -> dict[str, Any]:
    name, version = provenance.software.split()
    made = {
        "action": "c2pa.created",
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "softwareAgent": {"name": name, "version": version},
        "digitalSourceType": provenance.source_type,
        "description": provenance.comment,
    }
    model = {"name": provenance.model, "sha256": provenance.sha256, "adapters": list(provenance.adapters)}
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [made]}}, {"label": MODEL, "data": model}]
    return {"claim_generator_info": [{"name": name, "version": version}], "assertions": assertions}


def _anchors(trust: Sequence[Path]) -> str:
    """PEM of all authorities."""
    own = credentials_folder() / AUTHORITY
    try:
        return "\n".join(path.read_text(encoding="ascii") for path in [*([own] if own.is_file() else []), *trust])
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"a certificate cannot be read ({error})", "give PEM files of authorities") from error


def _found(reader: Any) -> Manifest:
    active, results = reader.get_active_manifest() or {}, reader.get_validation_results() or {}
    assertions = {one.get("label"): one.get("data", {}) for one in active.get("assertions", ())}
    actions = next((data for label, data in assertions.items() if str(label).startswith("c2pa.actions")), {})
    action = next(iter(actions.get("actions", ())), {})
    generator = next(iter(active.get("claim_generator_info", ())), {})
    failures = results.get("activeManifest", {}).get("failure", ())
    return Manifest(
        str(reader.get_validation_state() or "invalid").lower(),
        signer=active.get("signature_info", {}).get("common_name") or active.get("signature_info", {}).get("issuer"),
        date=action.get("when"),
        software=" ".join(filter(None, (generator.get("name"), generator.get("version")))) or None,
        source_type=action.get("digitalSourceType"),
        model=assertions.get(MODEL),
        problems=tuple(f"{one['code']}: {one_line(one.get('explanation', ''))}" for one in failures),
    )
