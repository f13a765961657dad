"""A page of HTML that stands alone: it loads nothing, runs no script, and text in it is text by construction."""

import base64
import hashlib
from xml.etree import ElementTree as ET

from service.reports.visible import visible

Element = ET.Element
Part = ET.Element | str

STYLE = """
:root { color-scheme: light dark; --ink: #1d2125; --faint: #5b6470; --ground: #fff; --panel: #f4f6f8; --line: #d5dae0;
  --good: #1f7a3a; --bad: #b3261e; --doubt: #8a5a00; --accent: #2457c5; --band: #9db8ee; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --faint: #9aa4b0; --ground: #14171a; --panel: #1d2226;
  --line: #343b42; --good: #63c384; --bad: #ff8a80; --doubt: #e5b454; --accent: #8ab0ff; --band: #3d5a99; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 72rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; } p { margin: .25rem 0; } a { color: var(--accent); }
.faint { color: var(--faint); } .good { color: var(--good); }
.bad { color: var(--bad); } .doubt { color: var(--doubt); }
.chip { display: inline-block; padding: 0 .6rem; margin-right: .5rem; border: 2px solid; border-radius: 1rem;
  font-weight: 600; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 500; } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; } td { font-variant-numeric: tabular-nums; }
svg { display: block; width: 11rem; height: 1.1rem; margin-top: .2rem; } .track { fill: var(--panel); }
.band { fill: var(--band); } .mark { fill: var(--ink); } .limit { fill: var(--bad); }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; background: var(--panel); }
summary { cursor: pointer; padding: .5rem .75rem; overflow-wrap: anywhere; } details > div { padding: 0 .75rem .75rem; }
.sides { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
pre { margin: .25rem 0; padding: .5rem; white-space: pre-wrap; background: var(--ground); border: 1px solid var(--line);
  border-radius: .25rem; font: 13px/1.45 ui-monospace, monospace; max-height: 30rem; overflow: auto;
  overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
footer { margin-top: 2.5rem; color: var(--faint); font-size: .875rem; }
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The content security policy of every page: our style, and nothing else at all."""


def node(tag: str, *parts: Part, **attributes: object) -> Element:
    """Make an element; strings become its text. `class_` is the attribute `class`, `_` in names is `-`."""
    made = ET.Element(tag, {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()})
    for part in parts:
        if isinstance(part, ET.Element):
            made.append(part)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + visible(part)
        else:
            made.text = (made.text or "") + visible(part)
    return made


def write_page(title: str, *body: Part) -> str:
    """Write a whole page, to be stored or sent as UTF-8."""
    style = ET.Element("style")
    style.text = STYLE
    head = node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", **{"http-equiv": "Content-Security-Policy", "content": POLICY}),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="referrer", content="no-referrer"),
        node("title", title),
        style,
    )
    page = node("html", head, node("body", *body), lang="en")
    return f"<!doctype html>\n{ET.tostring(page, encoding='unicode', method='html')}\n"
