"""An answer about a policy, put in front of people and of programs.

A command says what it found as a `Report`, once; a module a format shows it. Nothing that a token, a
condition or a file's name contains is obeyed by what shows it.
"""

from __future__ import annotations

import sys

from .report import Report


def print_report(report: Report, *, output: str) -> None:
    """The report stands on standard output as `human`, `html` or `markdown`."""
    if output == "human":
        from .human import print_human

        print_human(report)
        return
    if output == "html":
        from .web_page import render_web_page as render
    else:
        from .markdown import render_markdown as render
    sys.stdout.write(render(report))
