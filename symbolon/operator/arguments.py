"""What can be typed after `symbolon operator`.

A command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode
from contract.uris import FolderUri, parse_folder_uri

from ..inputs import check_folder_name
from ..parsers import Parser, add, add_group, add_output, typed
from .launch_arguments import add_launching
from .provision_arguments import add_operator_provision


def add_operator(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    operator = add_group(commands, "operator", says)
    add_launching(operator)
    results = add_group(operator, "results", "the results of a job, in its folder")
    show = add(
        results,
        "show",
        "show each picture's classes: a table, CSV, JSON, or a page with the photos beside their labels",
        "  symbolon operator results show gs://bucket/run\n"
        "  symbolon operator results show gs://bucket/run --format csv > results.csv\n"
        "  symbolon operator results show gs://bucket/run --output june     and open june/results.html\n",
    )
    show.add_argument(
        "results", metavar="RESULTS", help="the job's folder: gs://bucket/folder, or a copy of it"
    )
    show.add_argument(
        "--output",
        dest="into",
        metavar="DIR",
        type=Path,
        help="write results.csv, results.json and results.html into this folder",
    )
    show.add_argument(
        "--photos", metavar="DIR", type=Path, help="take the page's photos from this folder, by their names"
    )
    add_output(show, ("human", "json", "csv"))
    show.set_defaults(run=_show, output="human")
    clear = add(
        results,
        "clear",
        "remove what jobs have written into a folder, and nothing else",
        "  symbolon operator results clear gs://bucket/run\n",
    )
    clear.add_argument(
        "results", metavar="RESULTS", type=typed(_bucket_folder), help="the job's folder: gs://bucket/folder"
    )
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
        "results",
        metavar="RESULTS",
        type=typed(check_folder_name),
        help="the job's folder: gs://bucket/folder, or a copy of it",
    )
    prove.add_argument(
        "--picture", metavar="NAME", required=True, help="the object's name, as the row's `image` has it"
    )
    prove.set_defaults(run=_prove, output="human")
    add_operator_provision(operator)


def _bucket_folder(text: str) -> FolderUri:
    return parse_folder_uri(text, where="RESULTS")


def _show(arguments: argparse.Namespace) -> ExitCode:
    from .showing import show

    return show(
        results=arguments.results, output=arguments.output, into=arguments.into, photos=arguments.photos
    )


def _clear(arguments: argparse.Namespace) -> ExitCode:
    from .clearing import clear

    return clear(folder=arguments.results, output=arguments.output)


def _prove(arguments: argparse.Namespace) -> ExitCode:
    from .proving import prove

    return prove(results=arguments.results, picture=arguments.picture)
