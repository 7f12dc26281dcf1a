"""Make the pages work from a folder, with no server and no other host.

* sphinx-thebe's scripts come from another host, and the theme includes them twice, which is an error: left out.
* The theme preloads its icon fonts with a cross-origin request, which browsers refuse for files: the preload is
  taken out, and the style sheet loads the same fonts without it.
"""

import re
from pathlib import Path

PRELOAD = re.compile(r'\s*<link rel="preload" as="font"[^>]*>')


def setup(app):
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", drop_preloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def drop_thebe(app, pagename, templatename, context, doctree):
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if "thebe" not in described(file)]


def described(file) -> str:
    body = getattr(file, "attributes", {}).get("body", "")
    return f"{getattr(file, 'filename', file)} {body}".lower()


def drop_preloads(app, error):
    if error is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = page.read_text("utf-8")
            page.write_text(PRELOAD.sub("", text), "utf-8")
