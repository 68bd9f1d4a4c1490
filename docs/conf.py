"""How Sphinx makes a site of these pages; `nox -s docs` builds it, with warnings as errors."""

import re
from pathlib import Path

from pygments.lexers.sql import PostgresLexer
from sphinx.application import Sphinx

from chatapp_db import __version__

project = "chatapp_db"
author = "the chatapp_db authors"
copyright = author  # Sphinx's name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.graphviz", "sphinx_copybutton"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

graphviz_output_format = "svg"

pygments_dark_style = "github-dark"  # furo's own underlines what is imported
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_use_index = False  # the reference has an index that says more
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

# The pages of the reference are read on a forge too, where a toctree would be noise.
_BELOW_REFERENCE = {
    "Of a company": "company/*",
    "Of the platform": "platform/*",
    "Rows": "rows/*",
    "All else": "package types vocabularies payloads errors",
}
# Pages of the site whose text stands at the root of the repository.
_OF_THE_ROOT = {
    "readme": "README.md",
    "changelog": "CHANGELOG.md",
    "security": "SECURITY.md",
    "contributing": "CONTRIBUTING.md",
}
_PAGES = {file: f"{page}.md" for page, file in _OF_THE_ROOT.items()}
_ROOT = Path(__file__).parents[1]

_TARGET = re.compile(r"\]\((?!\w+:|#)(?P<path>[^)#]+)")
# Definitions of links to a forge's own pages, which a site does not have.
_OF_A_FORGE = re.compile(r"^\[[^]]+\]: \.\./\.\./.*\n", re.MULTILINE)


def _read(app: Sphinx, page: str, source: list[str]) -> None:  # noqa: ARG001  # Sphinx's signature
    """Make a page of the site from what is read on a forge."""
    if page in _OF_THE_ROOT:
        text = (_ROOT / _OF_THE_ROOT[page]).read_text(encoding="utf-8")
        source[0] = _TARGET.sub(_from_docs, _OF_A_FORGE.sub("", text))
    elif page == "reference/index":
        for caption, pages in _BELOW_REFERENCE.items():
            listed = "\n".join(pages.split())
            source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{listed}\n```\n"
    else:
        source[0] = re.sub(r"\]\((?:\.\./)+(\w+\.md)", lambda link: _to_page(link, page), source[0])


def _from_docs(link: re.Match[str]) -> str:
    """Write a link of a page of the root as one from the folder of the site."""
    path = link["path"]
    if path.startswith("docs/"):
        return f"]({path.removeprefix('docs/')}"
    return f"]({_PAGES.get(path, f'../{path}')}"


def _to_page(link: re.Match[str], page: str) -> str:
    """Lead to the site's copy of a page of the root."""
    copied = _PAGES.get(link[1])
    return f"]({'../' * page.count('/')}{copied}" if copied else link[0]


def setup(app: Sphinx) -> None:
    """Have pages read our way, and SQL as PostgreSQL's."""
    app.connect("source-read", _read)
    app.add_lexer("sql", PostgresLexer)
