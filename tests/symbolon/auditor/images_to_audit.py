"""An image, the checkout that made it, and the policy that pins it, in one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.checkouts import base_files, compiled, our_files, write_image
from tests.images import File, tar_of, write_layout
from tests.symbolon.conftest import Answered
from tests.symbolon.test_platform_root import some_root

ROOT = some_root()
EXTRA = "workload/extra.py"
RESULTS = "app/workload/results.py"
NOBODYS = "sha256:" + "1" * 64
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "terms.md").read_text()
TERMS = PAGE.partition("```toml\n")[2].partition("```")[0].replace('"tensorflow"', '"openvino"')
POLICY = """\
[provider]
project_number = "123456789012"
pool = "primus-wip"
name = "primus-wip-provider"

[what]
image_digests = ["{}"]

[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""


Audit = Callable[..., Answered]


def reproduction(answer: Answered) -> Any:
    return answer.json["reproduction"]


def whole(workplace: Path, *more: File, appended: bool = True) -> list[File]:
    """A whole image in the layout `whole`, with these files more; the files of ours in it."""
    ours = our_files(workplace / "checkout", terms=TERMS.encode(), root=ROOT)
    bytecode = compiled([*ours, *base_files()], workplace / "scratch")
    layers = [base_files(), [*ours, *bytecode, *more]]
    write_image(
        workplace / "whole",
        workplace / "checkout",
        *layers,
        terms=TERMS.encode(),
        root=ROOT,
        appended=appended,
    )
    write_layout(workplace / "python", [tar_of(*base_files()[:2])])
    return ours


BY_FILES = ("--wheels", "wheels", "--known", "python")
