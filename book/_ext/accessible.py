"""Repair what keeps pages of the theme from WCAG 2.1 A and AA, and load the style of the printed page.

* docutils gives entries of the bibliography a role that ARIA has withdrawn, inside a list that may not hold the anchors
  Sphinx puts there: both roles are taken out, the text and its order stay.
* The search button and folded code have a visible text and a name for screen readers that does not contain it, so that
  whoever speaks the text to the computer misses the button: the name is taken out, the text is the name.
* The arrow in the contents that unfolds the pages below a page has no name: it gets one.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

ROLES = (' role="doc-biblioentry"', ' role="list"')
NAMED = re.compile(r'(<summary|<button class="btn search-button-field[^>]*?) aria-label="[^"]*"')

ARROW = re.compile(r'<summary>(?=<span class="toctree-toggle")')


def setup(app):
    app.add_node(nodes.citation, override=True, html=(visit_citation, HTML5Translator.depart_citation))
    app.add_css_file("accessible.css")
    app.add_css_file("print.css", media="print")
    app.connect("build-finished", drop_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def visit_citation(self, node):
    before = len(self.body)
    HTML5Translator.visit_citation(self, node)
    for place in range(before, len(self.body)):
        for role in ROLES:
            self.body[place] = self.body[place].replace(role, "")


def drop_names(app, error):
    if error is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = page.read_text("utf-8")
            text = ARROW.sub('<summary aria-label="Pages of this part">', NAMED.sub(r"\1", text))
            page.write_text(text, "utf-8")
