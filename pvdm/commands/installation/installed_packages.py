"""The packages that pvdm needs, and those of its extras: what is installed, and the command for what is missing."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from pvdm.commands.installation.finding import Finding
from pvdm.errors import one_line

EXTRAS = {
    "cdfvd": "the networks of content-debiased FVD",
    "cluster": "curation on a Ray cluster",
    "curation": "TransNetV2 for doubtful cuts, and text found in pictures",
    "decord": "a second reader of video files",
    "energy": "grams of CO2 of the electricity that work takes, by country",
    "efficientnet": "a network of pictures that needs no download, for labels and metrics",
    "onnx": "models as ONNX graphs, also for a browser",
    "provenance": "signed manifests that say what made a file",
    "search": "search of hyperparameters, pvdm tune",
    "studio": "the studio in a browser, and its jobs for programs",
    "text": "text encoders, caption models and sound encoders by transformers",
}
"""What each extra gives; that of tests is not listed."""

IMPORTED = ("torch", "torchvision", "av", "numpy", "cv2")
"""Packages of compiled code, which may be installed and not work."""


def version_findings() -> Iterator[Finding]:
    """pvdm, Python, the packages of compiled code, and each required package that is missing or too old."""
    yield Finding("pvdm", f"{version('pvdm')}, in {Path(__file__).parents[2]}")
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}")
    yield from map(_imported, IMPORTED)
    needed = _needed()
    lacking = [requirement for requirement in needed if not is_met(requirement)]
    for requirement in lacking:
        yield Finding(requirement.name, _lack(requirement), "broken", install_command([requirement]))
    if not lacking:
        yield Finding("others", f"all {len(needed)} required packages are installed")


def extra_findings() -> Iterator[Finding]:
    """Each extra: what it gives, and the command that installs what it lacks."""
    for extra in sorted(set(metadata("pvdm").get_all("Provides-Extra") or ()) - {"test"}):
        lacking = [requirement for requirement in _needed(extra) if not is_met(requirement)]
        gives = EXTRAS.get(extra, "")
        names = ", ".join(_lack(requirement) for requirement in lacking)
        if lacking:
            yield Finding(extra, " · ".join(filter(None, (gives, names))), "absent", install_command(lacking))
        else:
            yield Finding(extra, " · ".join(filter(None, (gives, "installed"))))


def install_command(requirements: Iterable[Requirement]) -> str:
    """The command that installs these packages, however pvdm itself was installed."""
    names = (f"{requirement.name}{requirement.specifier}" for requirement in requirements)
    return f"pip install {' '.join(map(shlex.quote, names))}"


def is_met(requirement: Requirement) -> bool:
    """Whether a package is installed in a version that is allowed."""
    with suppress(PackageNotFoundError):
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    return False


def _lack(requirement: Requirement) -> str:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    return f"{requirement.name} is {found}, not {requirement.specifier}"


@cache
def _requirements() -> list[Requirement]:
    return [Requirement(text) for text in requires("pvdm") or ()]


def _needed(extra: str = "") -> list[Requirement]:
    """What pvdm itself, or an extra in addition, needs on this machine."""
    return [
        requirement
        for requirement in _requirements()
        if _holds(requirement, extra) and not (extra and _holds(requirement, ""))
    ]


def _holds(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _imported(name: str) -> Finding:
    """The version of a package that was imported, with what it was built for."""
    try:
        module = import_module(name)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        remedy = "install torch and torchvision together" if "torch" in name else f"reinstall {name}"
        return Finding(name, f"cannot be imported ({one_line(error)})", "broken", remedy)
    found = str(module.__version__)
    if name == "torch":
        build = f"CUDA {module.version.cuda}" if module.version.cuda else "no CUDA"
        found = f"{found}, {build}"
    if name == "av":
        found = f"{found}, FFmpeg {module.ffmpeg_version_info}"
    return Finding(name, found)
