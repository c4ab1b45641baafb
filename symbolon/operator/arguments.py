"""What can be typed after `symbolon operator`.

A command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_group, add_output
from .launch_arguments import add_launching


def add_operator(commands: argparse._SubParsersAction[Parser]) -> None:
    operator = add_group(commands, "operator", "for whoever has pictures, and gets results")
    add_launching(operator)
    results = add_group(operator, "results", "the results of a job, in its folder")
    clear = add(
        results,
        "clear",
        "remove what jobs have written into a folder, and nothing else",
        "  symbolon operator results clear gs://bucket/run\n",
    )
    clear.add_argument("results", metavar="RESULTS", help="the job's folder: gs://bucket/folder")
    add_output(clear)
    clear.set_defaults(run=_clear, output="human")
    prove = add(
        results,
        "prove",
        "print the proof that one row is among those that the job's receipt was made for",
        "  symbolon operator results prove gs://bucket/run --picture photos/cat.jpg > proof.json\n"
        "  symbolon auditor receipt verify receipt.json --image-digest sha256:… --proof proof.json\n",
    )
    prove.add_argument(
        "results", metavar="RESULTS", help="the job's folder: gs://bucket/folder, or a copy of it"
    )
    prove.add_argument(
        "--picture", metavar="NAME", required=True, help="the object's name, as the row's `image` has it"
    )
    prove.set_defaults(run=_prove, output="human")


def _clear(arguments: argparse.Namespace) -> ExitCode:
    from .clearing import clear

    return clear(results=arguments.results, output=arguments.output)


def _prove(arguments: argparse.Namespace) -> ExitCode:
    from .proving import prove

    return prove(results=arguments.results, picture=arguments.picture)
