"""Models that come with the package, named `pvdm/<name>`: listed in a manifest, and checked by their digests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pvdm.errors import InputError

FOLDER = Path(__file__).parents[1] / "packaged"
MANIFEST = "models.json"
OWNER = "pvdm"
REINSTALL = "reinstall pvdm"


@dataclass(frozen=True)
class PackagedModel:
    """A model of the package, as its manifest describes it.

    Args:
        name: `pvdm/<name>`, by which every command and `VideoGenerator.from_pretrained` find it.
        makes: What it is for, in one sentence.
        license: License of its weights, as the Hub spells it.
        data: What it was trained on.
        figures: Measured figures by name, with their unit in the name or the value.
        sha256: Digests of its files, by file name.
        folder: The exported model.
    """

    name: str
    makes: str
    license: str
    data: str
    figures: Mapping[str, float | str]
    sha256: Mapping[str, str]
    folder: Path

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def check(self) -> None:
        """InputError unless each file in the manifest is there with its digest."""
        from pvdm.files.weights import sha256_of

        for file, digest in self.sha256.items():
            path = self.folder / file
            if not path.is_file():
                raise InputError(f"{self.name} comes with this package, and its {file} is missing", REINSTALL)
            if (found := sha256_of(path)) != digest:
                problem = f"{self.name} is damaged: the SHA-256 of {path} starts with {found[:8]}, not {digest[:8]}"
                raise InputError(problem, REINSTALL)


def packaged_models() -> dict[str, PackagedModel]:
    """The models of the package by their names, `pvdm/<name>`; InputError if the manifest is damaged."""
    path = FOLDER / MANIFEST
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {f"{OWNER}/{name}": _model(name, entry) for name, entry in sorted(entries.items())}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}, the list of the models of this package, is damaged ({error})", REINSTALL) from error


def _model(name: str, entry: Mapping[str, object]) -> PackagedModel:
    return PackagedModel(name=f"{OWNER}/{name}", folder=FOLDER / name, **entry)


def is_packaged_name(name: str | Path) -> bool:
    """Whether a name is one of the package's models, known or not, and nothing of that name lies here.

    What lies in the working directory comes first, as for a name on the Hub.
    """
    path = Path(name)
    has_form = re.fullmatch(rf"{OWNER}/[\w-][\w.-]*", path.as_posix()) and path.suffix != ".ckpt"
    return bool(has_form) and not path.exists()


def find_packaged(name: str | Path) -> PackagedModel:
    """The model of this name, `pvdm/<name>`; InputError that lists the known ones if there is none."""
    name, models = Path(name).as_posix(), packaged_models()
    if name in models:
        return models[name]
    if not models:
        raise InputError(f"there is no model {name}: none comes with this version of pvdm", "give a model of your own")
    short = {known.removeprefix(f"{OWNER}/"): known for known in models}
    close = get_close_matches(name.removeprefix(f"{OWNER}/"), short, n=1, cutoff=0.5)
    hint = f" (did you mean {short[close[0]]}?)" if close else ""
    raise InputError(f"no model {name} comes with pvdm{hint}", f"choose one of {', '.join(models)}")
