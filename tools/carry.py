"""What a machine without a network lacks of what this project needs, and how it gets there: as a folder of wheels."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterable
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "wheels"
"""Where carried wheels lie; git ignores it."""

NEEDED = ("pytest",)
"""What runs the tests, besides what the project itself asks for."""

PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 26, 27, 28, 31, 34, 35)] + ["manylinux2014_x86_64"]
"""Systems whose wheels run on any Linux of today on x86-64; pip wants each by its name."""

Needs = dict[str, tuple[str, bool]]
"""By canonical name: what pip is to be asked for, and whether it is Python alone, the same for every machine."""


def lacking(present: Collection[str], python: str) -> Needs:
    """What the project needs and what is not present, and what that needs in turn as far as it is installed here.

    Args:
        present: Canonical names of packages, whose own needs are taken to be met.
        python: Version for which requirements hold, such as 3.12.
    """
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = [*config["options"]["install_requires"].split("\n"), *NEEDED]
    todo = [Requirement(line) for line in lines if line]
    found: Needs = {}
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in present or name in found:
            continue
        try:
            there = distribution(requirement.name)
        except PackageNotFoundError:
            found[name] = (f"{requirement.name}{requirement.specifier}", False)
            continue
        found[name] = (
            f"{there.metadata['Name']}=={there.version}",
            "Purelib: true" in (there.read_text("WHEEL") or ""),
        )
        todo += _of(there.requires or [], requirement.extras, python)
    return dict(sorted(found.items()))


def installed() -> set[str]:
    """Canonical names of the packages of this machine."""
    return {canonicalize_name(found.metadata["Name"]) for found in distributions()}


def listed(text: str) -> set[str]:
    """Canonical names in a list of packages, such as `pip list --format freeze` prints, or with commas between."""
    lines = (line for line in text.replace(",", "\n").splitlines() if line.strip())
    return {canonicalize_name(line.replace("==", " ").split()[0]) for line in lines}


def told(missing: Needs, python: str) -> str:
    """Sentences and commands: what is missing, and how to carry it."""
    if not missing:
        return "nothing is lacking: all that the project needs is there"
    pure, built = ([asked for asked, is_pure in missing.values() if is_pure == kind] for kind in (True, False))
    folder, pip = ["--no-deps", "-d", WHEELS.name], ["python3", "-m", "pip"]
    commands = []
    if pure:
        commands.append([*pip, "wheel", "--no-deps", "-w", WHEELS.name, *pure])
    if built:
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
        commands.append([*pip, "download", *folder, *options, *built])
    names = ", ".join(asked for asked, _ in missing.values())
    open_ones = [name for name, (asked, _) in missing.items() if "==" not in asked]
    unknown = "What these need in turn is not known here, but where the project is installed: give the list there."
    return "\n".join(
        [
            f"lacking: {names}",
            *([unknown] if open_ones else []),
            "In the clone, on a machine that has a network and this project, fetch them as wheels:",
            *(f"  {shlex.join(command)}" for command in commands),
            f"and take the folder {WHEELS.name}/ along with the clone: gpu.sh installs what lies there, by itself.",
        ]
    )


def install(site: Path) -> None:
    """Makes the project and the carried wheels importable here, in a folder apart; what fails is told, no more."""
    if WHEELS.is_dir() and lacking(installed(), running_python()):
        _pip(site, sorted(map(str, WHEELS.glob("*.whl"))))
    if "pvdm" not in installed():
        _link(site)
    if site.is_dir():
        sys.path.insert(0, str(site))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))


def running_python() -> str:
    """Its version, such as 3.12."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _pip(site: Path, what: Iterable[str]) -> None:
    """Without a network, without what these need in turn, and without waiting for bytecode."""
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--upgrade", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *what], check=False)


def _link(site: Path) -> None:
    """The package as an installation has it, by links: to build one takes tools that a machine may lack."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    package, about = site / "pvdm", site / "pvdm.dist-info"
    for folder in (package, about):
        folder.mkdir(parents=True)
    for entry in {entry.name: entry for entry in (*(ROOT / "pvdm").iterdir(), ROOT / "configs")}.values():
        (package / entry.name).symlink_to(entry)
    lines = ("Metadata-Version: 2.1", "Name: pvdm", f"Version: {config['metadata']['version']}")
    (about / "METADATA").write_text("\n".join(lines) + "\n")


def _of(lines: Iterable[str], extras: Collection[str], python: str) -> list[Requirement]:
    """Those of a package's requirements that hold for its extras."""
    environments = [{"extra": extra, "python_version": python} for extra in ("", *extras)]
    found = map(Requirement, lines)
    return [one for one in found if one.marker is None or any(map(one.marker.evaluate, environments))]
