"""`pvdm doctor`: what is installed, what works on this machine, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.commands.installation.finding import Finding

MARKS = {"ok": " ", "absent": "-", "broken": "!"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> None:
    report = examined()
    if options.json:
        shown = {part: [finding.__dict__ for finding in findings] for part, findings in report.items()}
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(report)) + "\n")
    broken = [finding for findings in report.values() for finding in findings if finding.state == "broken"]
    if broken:
        names = ", ".join(finding.name for finding in broken)
        remedies = dict.fromkeys(finding.remedy for finding in broken if finding.remedy)
        raise InputError(f"broken: {names}", "; ".join(remedies))


def examined() -> Mapping[str, Sequence[Finding]]:
    """What was found, by part. Takes a few seconds, most of them to import PyTorch."""
    from pvdm.commands.installation.installed_packages import extra_findings, version_findings

    report = {"versions": [*version_findings()]}
    if all(finding.state != "broken" for finding in report["versions"]):  # else the rest would only repeat it
        from pvdm.commands.installation.codec_trials import codec_findings
        from pvdm.commands.installation.machine import device_findings
        from pvdm.commands.installation.stored_files import cache_findings, model_findings

        parts = (device_findings, codec_findings, model_findings, cache_findings)
        names = ("devices", "codecs", "models", "caches")
        report.update({name: [*part()] for name, part in zip(names, parts, strict=True)})
    return {**report, "extras": [*extra_findings()]}


def _lines(report: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    """A line for each finding, marked - where something optional is absent and ! where something needed is broken."""
    width = max(len(finding.name) for findings in report.values() for finding in findings)
    for part, findings in report.items():
        yield part
        for finding in findings:
            yield f"{MARKS[finding.state]} {finding.name:{width}}  {finding.found}"
            if finding.remedy:
                yield f"  {'':{width}}  {finding.remedy}"
