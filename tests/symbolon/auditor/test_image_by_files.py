"""`symbolon auditor image` on a whole image: each file of it is accounted for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from deploy.wheels import SITE
from tests.images import File
from tests.symbolon.auditor.images_to_audit import BY_FILES, Audit, reproduction, whole


def test_a_whole_image_is_accounted_for_file_by_file(audit: Audit, workplace: Path) -> None:
    whole(workplace)
    answer = audit("whole", *BY_FILES)
    assert (answer.code, reproduction(answer)["verdict"]) == (0, "accounted for")
    assert any("the known image sha256:" in each for each in reproduction(answer)["rests_on"])
    assert answer.json["notes"] == [
        "it was appended to its base, and no engine built it: its files were compared"
    ]
    assert answer.json["packages"] == [{"kind": "pypi", "name": "small", "version": "1.0", "licence": "MIT"}]


def test_without_a_known_interpreter_the_base_is_not_reproduced(audit: Audit, workplace: Path) -> None:
    whole(workplace)
    answer = audit("whole", "--wheels", "wheels")
    assert (answer.code, answer.json["verdict"]) == (6, "not known")
    assert reproduction(answer)["verdict"] == "base not reproduced"


def test_a_package_that_is_not_the_wheel_s_is_a_no(audit: Audit, workplace: Path) -> None:
    whole(workplace, File(path=f"{SITE}/small/__init__.py", content=b"import os\n"))
    answer = audit("whole", *BY_FILES)
    assert (answer.code, reproduction(answer)["verdict"]) == (3, "differs")
    told = reproduction(answer)["accounting"]["wheels"]["first"]
    assert told[0] == {
        "path": f"{SITE}/small/__init__.py",
        "what": "other bytes",
        "detail": "than the wheel of small==1.0",
    }


def test_wheels_that_are_not_there_are_said(audit: Audit, workplace: Path) -> None:
    whole(workplace)
    shutil.rmtree(workplace / "wheels")
    (workplace / "wheels").mkdir()
    answer = audit("whole", *BY_FILES)
    assert answer.code == 6
    assert answer.json["notes"][1] == "1 wheels of the lock were not there to compare: small==1.0"


def test_what_an_engine_built_is_compared_where_its_base_is_not_named(audit: Audit, workplace: Path) -> None:
    whole(workplace, appended=False)
    answer = audit("whole", *BY_FILES)
    assert answer.code == 0
    assert answer.json["notes"] == ["it was not built again: --base has to name what it was built on"]


def test_an_sbom_is_written_beside(audit: Audit, workplace: Path) -> None:
    whole(workplace)
    assert audit("whole", *BY_FILES, "--sbom", "sbom.json", "--at", "2026-11-27T12:00:00Z").code == 0
    packages = json.loads((workplace / "sbom.json").read_text())["packages"]
    assert [(each["name"], each.get("licenseDeclared")) for each in packages[1:]] == [("small", "MIT")]
