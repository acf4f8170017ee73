"""What a release needs: one version everywhere, extras that are explained, and files that belong to it."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import yaml

from pvdm.commands.installation.installed_packages import EXTRAS

ROOT = Path(__file__).parents[1]


def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_version_is_one():
    version = setup()["metadata"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version
    newest = re.search(
        r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert newest and newest[1] == version


def test_extras_are_explained_and_tests_have_what_they_use():
    extras = setup()["options.extras_require"]
    usage = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    assert set(EXTRAS) <= set(extras) and all(f"| `{extra}` |" in usage for extra in (*EXTRAS, "test"))
    known = {name: {line for line in extras[name].splitlines() if line} for name in extras}
    of_others = set().union(*(known[name] for name in known if name != "test"))
    names = {re.split("[<>=]", line)[0] for line in of_others}
    assert {line for line in known["test"] if re.split("[<>=]", line)[0] in names} <= of_others


def test_the_source_distribution_takes_every_folder():
    """setuptools includes the package and its data by itself."""
    taken = set(re.findall(r"^graft (\w+)$", (ROOT / "MANIFEST.in").read_text(), re.MULTILINE)) | {"pvdm", "configs"}
    folders = {path.parent.name for path in ROOT.glob("*/*.py")} | {"docs"}
    assert folders <= taken
