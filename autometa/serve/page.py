"""The page ``/docs``: the OpenAPI document as one HTML text that fetches nothing.

No script and nothing of another host, so that it reads the same in a network that ends at the
machine. All texts are escaped: names of columns and categories are those of somebody's data.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from autometa.serve.table import JSON

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
}
"""What a browser is told: even a text that were not escaped could start nothing."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2733; background: #fff }
h2 { border-top: 1px solid #ccd4dc; padding-top: 1rem; margin-top: 2rem }
h2 b { color: #fff; background: #2b6a4d; border-radius: 4px; padding: 0 .5rem; font-size: .8em }
pre { background: #f3f5f7; padding: .7rem; overflow: auto; max-height: 24rem; font-size: 14px }
div { overflow-x: auto }
table { border-collapse: collapse }
td, th { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top;
  border-bottom: 1px solid #e3e8ec; overflow-wrap: anywhere }
"""


def page(document: Mapping[str, Any], base_url: str, *, needs_token: bool) -> str:
    """Gives the HTML text.

    Args:
        document: OpenAPI, as the application makes it.
        base_url: Where this server listens; commands are shown with it.
        needs_token: Whether commands have to show one.
    """
    info = document["info"]
    sections = [
        section
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for section in _operation(path, method, operation, base_url, needs_token)
    ]
    title = escape(info["title"])
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>',
            f"<body><h1>{title}</h1>",
            f"<p>{escape(info.get('description', ''))} For programs:",
            '<a href="openapi.json">openapi.json</a>.</p>',
            *sections,
            "</body></html>",
        ]
    )


def _operation(
    path: str, method: str, operation: Mapping[str, Any], base_url: str, needs_token: bool
) -> Iterator[str]:
    yield f"<h2><b>{escape(method.upper())}</b> {escape(path)}</h2>"
    yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
    url = base_url + path
    token = " -H 'Authorization: Bearer TOKEN'" if needs_token else ""
    content = operation.get("requestBody", {}).get("content", {})
    if JSON in content:
        yield "<h3>Columns</h3>"
        yield _columns(content[JSON]["schema"]["properties"]["rows"]["items"]["properties"])
    for kind, text in ((kind, _text(entry.get("example"))) for kind, entry in content.items()):
        yield f"<h3>{escape(kind)}</h3>"
        header = f"-H 'Content-Type: {kind}'"
        data = f"--data-binary {shlex.quote(text)}"
        yield _pre(f"curl{token} {header} {data} {shlex.quote(url)}")
    if not content:
        yield _pre(f"curl{token} {shlex.quote(url)}")
    yield "<h3>Answers</h3>"
    answers = [
        [escape(status), escape(answer["description"])]
        for status, answer in operation["responses"].items()
    ]
    yield _table(["Status", "Meaning"], answers)
    schema = operation["responses"].get("200", {}).get("content", {}).get(JSON, {}).get("schema")
    if schema and "properties" in schema:
        yield f"<details><summary>Schema of the answer</summary>{_pre(_text(schema))}</details>"


def _columns(properties: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, value in properties.items():
        kinds = " or ".join(value["type"]).replace("null", "null (missing)")
        examples = ", ".join(map(repr, value.get("examples", ())))
        rows.append([name, kinds, value.get("description") or (examples and f"like {examples}")])
    return _table(["Column", "Type", ""], [[escape(cell or "") for cell in row] for row in rows])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["".join(f"<th>{cell}</th>" for cell in header)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return f"<div><table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table></div>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1)


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
