"""The site of the documentation: ``make docs`` builds it from these pages and from the docstrings of the packages."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "CRM"
version = release = version_of("crm-core")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]

# Pages are read on the hosting site, too: a heading has the same anchor there.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
# The documented API is kept word for word, and abbreviates its examples.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
maximum_signature_line_length = 100
autodoc_default_options = {"show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# `name` in a docstring leads to what is documented under it, and is plain where that is not public.
default_role = "py:obj"
# A full name of ours must exist. Types in signatures may be private, and words of a docstring may be arguments.
nitpicky = True
nitpick_ignore_regex = [
    ("py:(class|data|exc)", r".*"),
    ("py:obj", r"(?!crm_).*|.*\.[A-Z](_co)?"),
]

html_theme = "furo"
html_title = "CRM"
