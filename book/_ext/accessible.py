"""Repair what keeps pages of the theme from WCAG 2.1 A and AA, and load the style of the printed page.

* docutils gives entries of the bibliography a role that ARIA has withdrawn, inside a list that may not hold the anchors
  Sphinx puts there: both roles are taken out, the text and its order stay.
"""

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

ROLES = (' role="doc-biblioentry"', ' role="list"')


def setup(app):
    app.add_node(nodes.citation, override=True, html=(visit_citation, HTML5Translator.depart_citation))
    app.add_css_file("accessible.css")
    app.add_css_file("print.css", media="print")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def visit_citation(self, node):
    before = len(self.body)
    HTML5Translator.visit_citation(self, node)
    for place in range(before, len(self.body)):
        for role in ROLES:
            self.body[place] = self.body[place].replace(role, "")
