"""The documentation site: `make docs`. Builds without a network; nothing is loaded from one."""

import importlib.metadata

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
html_css_files = ["site.css"]
html_math_renderer = "mathml"
templates_path = []
exclude_patterns = ["_build", "images", "**.ipynb_checkpoints"]
suppress_warnings = ["myst.header"]

# Single backticks in docstrings are code.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Notebooks run anew where their code has changed; the cache is in _build.
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True


def _escape_bars(app, what, name, obj, options, lines):
    """|x| in docstrings is an absolute value, not a substitution; examples are code."""
    example = False
    for k, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = line.split("`")
            parts[::2] = [part.replace("|", r"\|").replace("*", r"\*") for part in parts[::2]]
            lines[k] = "`".join(parts)


def _as_mathml(translator, node):
    """Browsers show MathML by themselves; MathJax would come from a network."""
    is_block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=is_block)
    translator.body.append(f'<div class="formula">{formula}</div>' if is_block else formula)
    raise nodes.SkipNode


def setup(app):
    renderers = (_as_mathml, None)
    app.add_html_math_renderer("mathml", inline_renderers=renderers, block_renderers=renderers)
    app.connect("autodoc-process-docstring", _escape_bars)
