"""`symbolon auditor report`: one record of image, terms and policy, the same bytes each time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from attestation.errors import ExitCode
from deploy.image import build_image
from deploy.layout import read_layout
from symbolon.auditor.report import worst_of
from tests.symbolon.auditor.images_to_audit import NOBODYS, POLICY, ROOT, TERMS
from tests.symbolon.conftest import Answered, Ask

SOURCE = Path(__file__).parents[3]
AT = "2026-11-27T12:00:00Z"


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an image of our files alone, its terms, and a policy that pins it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terms.toml").write_text(TERMS)
    image = build_image(tmp_path / "layout", terms=TERMS.encode(), root=ROOT, runtime="openvino")
    (tmp_path / "policy.toml").write_text(POLICY.format(image.manifest))
    return tmp_path


Report = Callable[..., Answered]


@pytest.fixture
def report(ask: Ask, pinned: Path) -> Report:
    def reported(folder: str = "audit", *options: str) -> Answered:
        command = f"auditor report {folder} --image layout --terms terms.toml --policy policy.toml --emulator"
        return ask(*command.split(), "--source", SOURCE, "--at", AT, "--attack", "20", *options)

    return reported


def test_the_record_binds_the_three_and_bears_its_time(report: Report, pinned: Path) -> None:
    answer = report("audit", "--fail-on", "critical")
    assert (answer.code, answer.out.startswith("answer  PASS: reproduced: ")) == (0, True)
    document = json.loads((pinned / "audit" / "report.json").read_text())
    assert (document["format"], document["verdict"], document["record"]["made_at"]) == (1, "yes", AT)
    assert document["image"]["reproduction"]["verdict"] == "reproduced"
    assert document["image"]["policy"]["verdict"] == "pins it"
    assert document["review"]["verdict"] == "pass"
    assert [each["role"] for each in document["record"]["inputs"]] == ["terms", "policy"]
    page = (pinned / "audit" / "report.html").read_text()
    for words in (document["image"]["image"]["asked"], AT, "reproduced", "pins it", "largest_top_k"):
        assert words in page


def test_the_same_input_and_time_have_the_same_bytes(report: Report, pinned: Path) -> None:
    for folder in ("one", "two", "one"):
        report(folder)
    for name in ("report.html", "report.json"):
        assert (pinned / "one" / name).read_bytes() == (pinned / "two" / name).read_bytes()


def test_who_can_open_the_model_is_in_the_record(report: Report, pinned: Path) -> None:
    (pinned / "key.json").write_text(
        json.dumps({"bindings": [{"role": "roles/cloudkms.cryptoKeyDecrypter", "members": ["allUsers"]}]})
    )
    answer = report("audit", "--fail-on", "critical", "--key-policy", "key.json")
    assert (answer.code, "the model's key opens for others" in answer.out) == (3, True)
    document = json.loads((pinned / "audit" / "report.json").read_text())
    assert document["image"]["seal"]["openers"][0]["who"] == "everybody, without any account"
    assert "key policy" in [each["role"] for each in document["record"]["inputs"]]
    page = (pinned / "audit" / "report.html").read_text()
    for words in ("how the model is sealed", "who can open the model", "allUsers"):
        assert words in page


def test_another_time_is_all_that_differs(report: Report, pinned: Path) -> None:
    report("one")
    report("two", "--at", "2027-01-01T00:00:00Z")
    one, two = (json.loads((pinned / name / "report.json").read_text()) for name in ("one", "two"))
    assert one["record"].pop("made_at") != two["record"].pop("made_at")
    assert one == two


def test_a_policy_of_another_image_is_a_no(report: Report, pinned: Path) -> None:
    (pinned / "policy.toml").write_text(POLICY.format(NOBODYS))
    answer = report()
    assert (answer.code, "the policy refuses it" in answer.out) == (3, True)
    assert json.loads((pinned / "audit" / "report.json").read_text())["verdict"] == "no"


def test_a_finding_of_the_review_is_a_no(report: Report, pinned: Path) -> None:
    digest = read_layout(pinned / "layout").digest
    (pinned / "policy.cel").write_text(f'assertion.submods.container.image_digest == "{digest}"')
    answer = report("audit", "--policy", "policy.cel")
    document = json.loads((pinned / "audit" / "report.json").read_text())
    assert document["review"]["findings"]
    assert (answer.code, document["image"]["verdict"], document["verdict"]) == (3, "yes", "no")


def test_the_page_runs_nothing_and_fetches_nothing(report: Report, pinned: Path) -> None:
    evil = '# <script>alert(1)</script><img src="https://evil.example/x">\n'
    (pinned / "terms.toml").write_text(evil + TERMS)
    report()
    page = (pinned / "audit" / "report.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"<(script|img|iframe|link|object)\b|\son\w+=", page)
    assert "default-src 'none'" in page


def test_the_sbom_lies_beside(report: Report, pinned: Path) -> None:
    answer = report("audit", "--sbom", "--format", "json")
    assert answer.json["files"] == ["report.html", "report.json", "sbom.spdx.json"]
    assert json.loads((pinned / "audit" / "sbom.spdx.json").read_text())["creationInfo"]["created"] == AT


def test_a_policy_that_can_be_read_once_is_wrong_usage(report: Report, pinned: Path) -> None:
    answer = report("audit", "--policy", "-")
    assert (answer.code, "standard input can be read once" in answer.err) == (2, True)
    assert not (pinned / "audit").exists()


def test_a_folder_that_cannot_be_written_is_said(report: Report, pinned: Path) -> None:
    (pinned / "audit").write_text("a file")
    answer = report()
    assert (answer.code, "cannot write to `audit`" in answer.err) == (7, True)


def test_nothing_is_written_where_the_image_is_hostile(report: Report, pinned: Path) -> None:
    for blob in (pinned / "layout" / "blobs" / "sha256").iterdir():
        if blob.stat().st_size > 100_000:
            blob.write_bytes(b"changed")
    assert report().code == 4
    assert not (pinned / "audit").exists()


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ((ExitCode.YES, ExitCode.YES), ExitCode.YES),
        ((ExitCode.YES, ExitCode.UNKNOWN), ExitCode.UNKNOWN),
        ((ExitCode.ANSWERED_NO, ExitCode.UNKNOWN), ExitCode.ANSWERED_NO),
    ],
)
def test_one_no_is_a_no_and_one_unknown_is_no_yes(codes: tuple[ExitCode, ...], worst: ExitCode) -> None:
    assert worst_of(*codes) is worst
