"""`symbolon auditor image`, from a layout to its answer: the same, and one thing changed in a row.

`test_image_answers.py` has what each piece of evidence amounts to, and tests/deploy the hostile layers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract.terms import parse_terms, render_terms
from deploy.image import build_image
from deploy.layout import read_layout
from emulator.running import Running
from tests.checkouts import our_files
from tests.images import File, tar_of, write_layout
from tests.symbolon.auditor.images_to_audit import EXTRA, NOBODYS, POLICY, ROOT, TERMS, Audit, reproduction
from tests.symbolon.conftest import Ask


def test_what_the_sources_make_is_reproduced_and_pinned(audit: Audit) -> None:
    answer = audit("alone", "--policy", "policy.toml")
    assert (answer.code, answer.json["verdict"]) == (0, "yes")
    found = reproduction(answer)
    assert found["verdict"] == "reproduced"
    assert found["rests_on"][0] == "built again by symbolon, our files alone"
    assert answer.json["policy"]["verdict"] == "pins it"


def test_it_is_read_by_a_person(ask: Ask, workplace: Path) -> None:
    command = "auditor image alone --source checkout --terms terms.toml --policy policy.toml --emulator"
    answer = ask(*command.split())
    assert answer.code == 0
    assert answer.out.startswith("PASS  reproduced: the sources make this image, to the last byte; the pol")
    for words in (
        "set INPUT_URI, RESULT_URI, TOP_K, BATCH_SIZE and LICENCE, and no other variable",
        "`egress.largest_top_k` = `5 classes a picture`: the operator may ask for fewer",
        "the image's own root, an emulator's",
    ):
        assert words in answer.out


@pytest.mark.parametrize(
    ("file", "text", "differences"),
    [
        pytest.param(
            "workload/results.py", "# more\n", [("app/workload/results.py", "other bytes")], id="a file"
        ),
        pytest.param("deploy/Dockerfile", "LABEL a=b\n", [("Label a", "missing")], id="a label"),
    ],
)
def test_sources_of_another_day_do_not_make_it(
    audit: Audit, workplace: Path, file: str, text: str, differences: list[tuple[str, str]]
) -> None:
    path = workplace / "checkout" / file
    path.write_text(path.read_text() + text)
    answer = audit("alone")
    assert (answer.code, answer.json["verdict"], reproduction(answer)["verdict"]) == (3, "no", "differs")
    found = reproduction(answer)["differences"]
    told = [*found["files"]["first"], *found["configuration"]["first"]]
    assert [(each["path"], each["what"]) for each in told] == differences


def test_a_file_that_was_added_is_named(audit: Audit, workplace: Path) -> None:
    """By whoever built the image; it has the checkout's own files too."""
    files = [
        *our_files(workplace / "checkout", terms=TERMS.encode(), root=ROOT),
        File(path="app/workload/extra.py"),
    ]
    write_layout(workplace / "more", [tar_of(*files)], annotations={"symbolon.base": "not included"})
    answer = audit("more")
    assert answer.code == 3
    (told,) = reproduction(answer)["differences"]["files"]["first"]
    assert (told["path"], told["what"]) == (f"app/{EXTRA}", "added")


def test_other_terms_are_told_key_by_key(audit: Audit, workplace: Path) -> None:
    (workplace / "terms.toml").write_text(TERMS.replace("largest_top_k = 5", "largest_top_k = 6"))
    answer = audit("alone")
    assert answer.code == 3
    assert answer.json["terms"]["differ"] == ["`egress.largest_top_k` is 5 in the image, and 6 in the file"]


def test_a_policy_that_pins_another_image_is_a_no(audit: Audit, workplace: Path) -> None:
    (workplace / "policy.toml").write_text(POLICY.format(NOBODYS))
    answer = audit("alone", "--policy", "policy.toml")
    assert (answer.code, reproduction(answer)["verdict"]) == (3, "reproduced")
    assert answer.json["policy"]["verdict"] == "refuses it"


def test_a_checkout_that_copies_more_than_is_imported_is_a_no(audit: Audit, workplace: Path) -> None:
    dockerfile = workplace / "checkout" / "deploy" / "Dockerfile"
    (workplace / "checkout" / EXTRA).write_text("")
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("workload/claiming.py", f"{EXTRA} workload/claiming.py"))
    options = {"terms": TERMS.encode(), "root": ROOT, "source": workplace / "checkout", "runtime": "openvino"}
    build_image(workplace / "extra", **options)  # type: ignore[arg-type]
    answer = audit("extra")
    assert (answer.code, reproduction(answer)["verdict"]) == (3, "reproduced")
    assert answer.json["checkout"]["differs"] == f"the Dockerfile copies what nothing imports: {EXTRA}"


def key_policy(workplace: Path, image: str, *others: str) -> tuple[str, ...]:
    """The option that names the key's policy, in which the image and these can open the model."""
    terms = parse_terms(TERMS)
    pool = terms.credential.audience.partition("/providers/")[0]
    members = [f"principalSet:{pool}/attribute.image_digest/{image}", *others]
    bindings = [{"role": "roles/cloudkms.cryptoKeyDecrypter", "members": members}]
    (workplace / "key.json").write_text(json.dumps({"bindings": bindings, "etag": "BwY=", "version": 1}))
    return "--key-policy", "key.json"


def test_who_can_open_a_sealed_model_is_read_from_its_key_s_policy(audit: Audit, workplace: Path) -> None:
    digest = read_layout(workplace / "alone").digest
    answer = audit("alone", *key_policy(workplace, digest, "user:owner@primus.example"))
    assert (answer.code, answer.json["seal"]["verdict"]) == (0, "opens for this image")
    assert [each["who"] for each in answer.json["seal"]["openers"]] == ["this image", "a person's account"]
    assert [each["role"] for each in answer.json["record"]["inputs"]] == ["terms", "key policy"]
    assert any("project and above" in each for each in answer.json["record"]["assumptions"])
    for others, code in (("allUsers", 3), ("robot:r2", 6)):
        answer = audit("alone", *key_policy(workplace, digest, others))
        assert (answer.code, reproduction(answer)["verdict"]) == (code, "reproduced")
    assert audit("alone", *key_policy(workplace, NOBODYS)).code == 3


def test_without_that_policy_it_is_said_and_the_answer_is_the_same(
    audit: Audit, ask: Ask, workplace: Path
) -> None:
    answer = audit("alone")
    seal = answer.json["seal"]
    assert (answer.code, seal["verdict"], seal["openers"]) == (0, "not known", None)
    assert (seal["sealed"], seal["kms"].rpartition("/")[2]) == (True, "lite0")
    shown = ask(*["auditor", "image", "alone", "--source", "checkout", "--terms", "terms.toml", "--emulator"])
    assert "who can open it is not known: --key-policy names" in shown.out
    assert "manifest `sha256:2c26b46b" in shown.out


def test_a_model_that_is_not_sealed_is_audited_too(audit: Audit, workplace: Path) -> None:
    bare = render_terms(replace(parse_terms(TERMS), release=None))
    (workplace / "terms.toml").write_text(bare)
    checkout = workplace / "checkout"
    build_image(workplace / "bare", terms=bare.encode(), root=ROOT, source=checkout, runtime="openvino")
    answer = audit("bare")
    assert (answer.code, answer.json["seal"]["verdict"]) == (0, "not sealed")
    refused = audit("bare", *key_policy(workplace, NOBODYS))
    assert (refused.code, "the terms name none" in refused.err) == (7, True)


def test_an_image_is_audited_in_its_registry(
    ask: Ask, workplace: Path, through_gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `owner publish` pushed and pinned, read back by its reference."""
    from deploy.google_api import GoogleApi
    from deploy.provisioning import ensure
    from deploy.resources import DockerRepository, Project
    from symbolon.signing_in import sign_in

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    project = Project(project_id="primus", number="0")
    api: GoogleApi = sign_in("owner")
    ensure(api, DockerRepository(project=project, location="us", repository_id="images"))
    reference = "us-docker.pkg.dev/primus/images/workload"
    published = ask(*f"owner publish --reference {reference}:v1 --layout --emulator --format json".split())
    assert published.code == 0
    image = published.json["image"]
    source = str(Path(__file__).parents[3])
    command = f"auditor image {image} --source {source} --terms terms.toml --policy policy.toml"
    answer = ask(*command.split(), "--emulator", "--format", "json")
    assert (answer.code, answer.json["image"]["asked"]) == (0, published.json["digest"])
    assert (reproduction(answer)["verdict"], answer.json["policy"]["verdict"]) == ("reproduced", "pins it")
