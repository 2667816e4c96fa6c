"""Configuration of the documentation: ``sphinx-build -W --keep-going -b html docs OUT``; no network is needed."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "symgrad"
author = "The symgrad developers"
html_show_copyright = False
release = metadata.version("symgrad")
extensions = [
    "backlinks",
    "generated_pages",
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosectionlabel",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"symgrad {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
exclude_patterns = ["_build"]
nitpicky = True  # every reference must lead somewhere, but those to packages that the pages are built without
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|sympy|flint|collections|enum|abc|pathlib)\..*"),
    ("py:.*", r".*\._[A-Za-z]\w*"),  # private base classes
    ("py:.*", r"symgrad\.(rigor|calculus|language\.norms)\..*"),  # what results are made of, for readers of the code
    ("py:.*", r"symgrad\.numerics\.(setting|growth_certificates|trajectory_bound_linear)\..*"),
    ("py:.*", r"symgrad\.dynamics\.(curve_setting|inverse_activation|latching_intervals|latching_setting|unit)\..*"),
    ("py:.*", r"symgrad\.(meanfield\.layer_factors|design\.(gates|spans|solution_check|statements\.StatedResult))\b.*"),
    ("py:.*", r"TailUndecidedError"),
    ("py:.*", r"symgrad\.bounds\.(upper_rates|series|engine|gradient_series|invariant\.Origin|product\.BoundSeries).*"),
]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
autosectionlabel_prefix_document = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures of the source, with its type hints, are one click away
autodoc_default_options = {"members": True, "inherited-members": False, "show-inheritance": False}
napoleon_google_docstring = True
napoleon_use_ivar = True  # attributes are listed with the class and not a second time as members
