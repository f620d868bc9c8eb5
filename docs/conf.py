"""The documentation site: `make docs`. Builds without a network; nothing is loaded from one."""

import importlib.metadata
import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "physsim"
release = importlib.metadata.version("physsim-echo")
copyright = "the physsim authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_title = f"physsim {release}"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_math_renderer = "mathml"
# A search works from a file too; excerpts of the pages found would have to be fetched.
html_show_search_summary = False
templates_path = []
exclude_patterns = ["_build", "images", "**.ipynb_checkpoints"]
suppress_warnings = ["myst.header"]

# Single backticks in docstrings are code.
default_role = "code"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "groupwise"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Notebooks run anew where their code has changed; the cache is in _build.
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

_INDENTED = re.compile(r"\n\n(?= {4}\S)")
_VERBATIM = re.compile(
    r"(``.+?``|`[^`]+`|^>>>.*?(?=\n\n|\Z)|(?:^ {4}[^\n]*\n?)+)", re.MULTILINE | re.DOTALL
)
_WITHIN_WORD = re.compile(r"[\w(]")
_CLASS = re.compile(r"<class '(?:\w+\.)*(\w+)'>")

# Base classes from elsewhere, and their pages: a build has no network to look them up in.
_ELSEWHERE = {
    "diffrax._adjoint.AbstractAdjoint": "https://docs.kidger.site/diffrax/api/adjoints/",
    "diffrax._solver.base.AbstractSolver": (
        "https://docs.kidger.site/diffrax/api/solvers/abstract_solvers/#diffrax.AbstractSolver"
    ),
    "enum.Enum": "https://docs.python.org/3/library/enum.html#enum.Enum",
    "equinox._module._module.Module": (
        "https://docs.kidger.site/equinox/api/module/module/#equinox.Module"
    ),
}


def _link_elsewhere(app, env, node, content):
    uri = _ELSEWHERE.get(node["reftarget"])
    return nodes.reference("", "", content, refuri=uri, internal=False) if uri else None


def _tidy_docstring(app, what, name, obj, options, lines):
    """Plain text to reStructuredText.

    Indented formulas are literal; outside of code |x| and * mean themselves; code may end within a
    word.
    """
    parts = _VERBATIM.split(_INDENTED.sub("\n\n::\n\n", "\n".join(lines)))
    parts[::2] = [part.replace("|", r"\|").replace("*", r"\*") for part in parts[::2]]
    parts[2::2] = [rf"\ {part}" if _WITHIN_WORD.match(part) else part for part in parts[2::2]]
    lines[:] = "".join(parts).split("\n")


def _tidy_signature(app, what, name, obj, options, signature, annotation):
    """A class as the default of a field goes by its name."""
    return _CLASS.sub(r"\1", signature or "") or None, annotation


def _as_mathml(translator, node):
    """Browsers show MathML by themselves; MathJax would come from a network."""
    is_block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=is_block)
    translator.body.append(f'<div class="formula">{formula}</div>' if is_block else formula)
    raise nodes.SkipNode


def setup(app):
    renderers = (_as_mathml, None)
    app.add_html_math_renderer("mathml", inline_renderers=renderers, block_renderers=renderers)
    app.connect("autodoc-process-docstring", _tidy_docstring)
    app.connect("autodoc-process-signature", _tidy_signature)
    app.connect("missing-reference", _link_elsewhere)
