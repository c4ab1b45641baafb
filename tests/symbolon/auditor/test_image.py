"""`symbolon auditor image`, from a layout to its answer: the same, and one thing changed in a row.

`test_image_answers.py` has what each piece of evidence amounts to, and tests/deploy the hostile layers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.terms import parse_terms, render_terms
from deploy.engines import ENGINES
from deploy.image import build_image
from deploy.layout import read_layout
from deploy.wheels import SITE
from emulator.running import Running
from tests.checkouts import base_files, compiled, lay_out_checkout, our_files, wheel_bytes, write_image
from tests.images import File, put, tar_of, write_layout
from tests.symbolon.conftest import Answered, Ask
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


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out_checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture
def workplace(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the checkout, the terms, and a layout of our files alone, which `policy.toml` pins."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sources, tmp_path / "checkout")
    (tmp_path / "terms.toml").write_text(TERMS)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "small-1.0-py3-none-any.whl").write_bytes(wheel_bytes())
    image = build_image(
        tmp_path / "alone",
        terms=TERMS.encode(),
        root=ROOT,
        source=tmp_path / "checkout",
        runtime="openvino",
    )
    (tmp_path / "policy.toml").write_text(POLICY.format(image.manifest))
    return tmp_path


Audit = Callable[..., Answered]


@pytest.fixture
def audit(ask: Ask, workplace: Path) -> Audit:
    """`audit("alone", …)` is the audit of that layout, an emulator's, as JSON."""

    def audited(image: str, *options: str) -> Answered:
        command = f"auditor image {image} --source checkout --terms terms.toml --emulator --format json"
        return ask(*command.split(), *options)

    return audited


def reproduction(answer: Answered) -> Any:
    return answer.json["reproduction"]


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


def engine(workplace: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    """A `buildah` that leaves the layout, whatever it is given to build."""
    programs = workplace / "bin"
    programs.mkdir()
    place = workplace / layout
    (programs / "buildah").write_text(
        '#!/bin/sh\ncase $1 in\n--version) echo "buildah version 1.28.2";;\n'
        f'push) for last; do :; done; cp -r {place} "${{last#oci:}}";;\nesac\n'
    )
    (programs / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


BASE = ("--base", f"docker.io/library/python:3.11-slim@{NOBODYS}")


def test_an_engine_that_makes_the_same_digest_reproduces_it(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    engine(workplace, monkeypatch, "whole")
    answer = audit("whole", *BASE)
    assert (answer.code, reproduction(answer)["verdict"]) == (0, "reproduced")
    assert reproduction(answer)["rests_on"][:2] == [
        "built again by buildah 1.28.2",
        f"on the base docker.io/library/python:3.11-slim@{NOBODYS}",
    ]


def test_an_engine_that_makes_another_file_is_shown_layer_by_layer(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    shutil.move(workplace / "whole", workplace / "honest")
    shutil.rmtree(workplace / "scratch")
    whole(workplace, File(path="etc/cron.d/evil", mode=0o755), appended=False)
    engine(workplace, monkeypatch, "honest")
    answer = audit("whole", *BASE)
    assert (answer.code, reproduction(answer)["verdict"]) == (3, "differs")
    layers = reproduction(answer)["differences"]["layers"]
    assert [(each["same_tar"], each["differences"]["more"]) for each in layers] == [(True, 0), (False, 0)]
    assert layers[1]["differences"]["first"] == [
        {"path": "etc/cron.d/evil", "what": "added", "detail": "a file"}
    ]


def test_no_engine_is_asked_where_none_is_wanted(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    engine(workplace, monkeypatch, "nowhere")
    assert reproduction(audit("whole", *BASE, *BY_FILES, "--engine", "none"))["verdict"] == "accounted for"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--base", "python:3.11-slim"), "not named by its digest"),
        ((*BASE, "--pip-config", "none.conf"), "no file `none.conf`"),
        ((*BASE, "--engine", "podman"), "`podman` is not installed"),
    ],
)
def test_what_a_build_needs_is_looked_for_before_anything_is_read(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    write_layout(workplace / "hostile", [b"no tar at all"], history=[{"created_by": "an engine"}])
    engine(workplace, monkeypatch, "hostile")
    answer = audit("hostile", *options)
    assert (answer.code, words in answer.err) == (7, True)


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


def test_an_sbom_is_written_beside(audit: Audit, workplace: Path) -> None:
    whole(workplace)
    assert audit("whole", *BY_FILES, "--sbom", "sbom.json", "--at", "2026-11-27T12:00:00Z").code == 0
    packages = json.loads((workplace / "sbom.json").read_text())["packages"]
    assert [(each["name"], each.get("licenseDeclared")) for each in packages[1:]] == [("small", "MIT")]


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


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("nowhere --source checkout", 7, "is not an image in artifact registry"),
        (
            "docker.io/library/python --source checkout",
            7,
            "neither a folder nor an image",
        ),
        ("checkout --source checkout", 7, "not an OCI layout of one image"),
        ("alone --source wheels", 7, "no `deploy/Dockerfile`"),
        ("alone --source checkout --policy none.toml", 7, "cannot read the policy"),
        ("alone --source checkout --root policy.toml", 7, "the root is no certificate"),
        ("alone --source checkout --engine spade", 2, "invalid choice"),
        ("alone --source checkout --at yesterday", 2, "is not a time"),
        ("alone --source checkout --policy - --bindings -", 2, "standard input (`-`) is named twice"),
        ("alone", 2, "--source"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(
    ask: Ask, workplace: Path, options: str, code: int, words: str
) -> None:
    answer = ask("auditor", "image", *options.split(), "--terms", "terms.toml", "--emulator")
    assert (answer.code, words in answer.err) == (code, True)
    assert not answer.out


def test_every_engine_can_be_named(ask: Ask) -> None:
    assert f"--engine {{{','.join((*ENGINES, 'none'))}}}" in ask("auditor", "image", "--help").out


def test_an_image_that_believes_an_emulator_is_no_production_image(ask: Ask, workplace: Path) -> None:
    answer = ask(*["auditor", "image", "alone", "--source", "checkout", "--terms", "terms.toml"])
    assert answer.code == 4
    assert "the image believes another root than Google's" in answer.err


def test_an_index_of_several_images_is_said(audit: Audit, workplace: Path) -> None:
    index = json.loads((workplace / "alone" / "index.json").read_text())
    (workplace / "alone" / "index.json").write_text(json.dumps({"manifests": index["manifests"] * 2}))
    assert audit("alone").code == 7


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (tar_of(File(path="../../etc/passwd")), "leads out of the image"),
        (b"no tar at all", "no tar archive"),
    ],
)
def test_a_hostile_image_is_one_line_and_its_own_exit_code(
    audit: Audit, workplace: Path, layer: bytes, words: str
) -> None:
    write_layout(workplace / "hostile", [layer])
    answer = audit("hostile")
    assert (answer.code, answer.json["error"]["code"]) == (4, "layer-rejected")
    assert words in answer.err
    assert answer.err.count("\n") == 2


def test_a_configuration_that_is_missing_is_one_line(audit: Audit, workplace: Path) -> None:
    folder = workplace / "bare"
    named = {"config": {"digest": NOBODYS}, "layers": []}
    digest = put(folder, json.dumps(named).encode())
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    answer = audit("bare")
    assert (answer.code, "has no blob" in answer.err) == (7, True)
