"""Web pages that carry everything inside themselves: templates, one style, one script, and a strict policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

STYLE = Path(__file__).with_name("web_page.css")
"""Colors in light and dark, type, tables, panels and buttons of all pages."""


def page_templates(folder: Path) -> Environment:
    """The environment of the templates in a folder: every text is escaped unless it is markup of ours."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )


def page_parts(folder: Path, *, scripts: Sequence[str], allowed: str = "") -> dict[str, Markup | str]:
    """`style`, `script` and `policy` of a page: the common style and the folder's page.css, and its scripts as one.

    allowed: What the policy lets the page do besides running this one script and showing what is inside it.
    """
    script = _joined([(folder / name).read_text(encoding="utf-8") for name in scripts])
    styles = [STYLE, folder / "page.css"]
    return {
        "style": Markup("".join(path.read_text(encoding="utf-8") for path in styles)),
        "script": Markup(script),
        "policy": _policy(script, allowed),
    }


def page_data(value: Any) -> Markup:
    """JSON that can stand in an element <script type="application/json">, whatever its texts hold."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds it; kind: its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _joined(parts: Sequence[str]) -> str:
    """Scripts as one, whose names nothing else on the page can see."""
    whole = "\n".join(parts)
    return f'"use strict";\n(() => {{\n{whole}}})();\n'


def _policy(script: str, allowed: str) -> str:
    """What the browser lets the page do: run this one script, show what is inside it, and ask no other host."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"media-src data: blob:; base-uri 'none'; form-action 'none'{allowed and '; ' + allowed}"
    )
