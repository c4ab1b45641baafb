"""`symbolon owner order` and `owner approve`: what would change is shown, signed, and done by enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from attestation.digests import digest_of
from attestation.errors import ExitCode
from contract.dsse import public_key_of
from contract.licence import Holder, sign_licence
from contract.licence_templates import Template, parse_templates, render_templates
from contract.orders import parse_document, render_document, sign_document
from policy.provider import parse_provider
from release.orders.standing import replace_standing, standing
from release.restored import mark_restored
from release.store.engine import reading, writing
from release.store.schema import POLICY, licences
from symbolon.owner import approving
from symbolon.owner.changes import words_of
from tests.orders import FIRST, LICENCE, NOW, STRANGER
from tests.release.brokers import policy_text
from tests.symbolon.owner.shops import Shop

POLICY_FILE = """\
[provider]
project_number = "1"
pool = "primus-pool"
name = "primus-provider"

[what]
image_digests = ["sha256:{}"]

[who]
service_accounts = ["run@secundus.iam.gserviceaccount.com"]
"""
TEMPLATES = """\
format = 1

[trial]
model = "lite0.tar"
runs = 3
days = 30
"""


@pytest.fixture
def of_two(shop: Shop) -> Shop:
    """Two of three keys approve."""
    shop.approve(2, "anna", "ben", "cleo")
    (shop.folder / "policy.toml").write_text(POLICY_FILE.format("a" * 64))
    (shop.folder / "templates.toml").write_text(TEMPLATES)
    return shop


def stands(shop: Shop, kind: str) -> bytes:
    with reading(shop.broker.engine) as connection:
        found = standing(connection, kind)
    return b"" if found is None else found.body


def test_a_policy_is_shown_signed_by_two_and_stands(of_two: Shop) -> None:
    first = of_two.owner("order", "policy", "policy.toml")
    assert first.code == 0, first.err
    assert "order 1 of the type policy, in epoch 0\n+ provider projects/1/" in first.out
    assert f'+ asks assertion.submods.container.image_digest == "sha256:{"a" * 64}"' in first.out
    assert "1 of 2 signatures: order-policy-1.json waits for 1 more" in first.out
    assert stands(of_two, "policy") == b""
    second = of_two.owner("approve", "order-policy-1.json", "--send", key="cleo")
    assert f"signed by {public_key_of(FIRST).key_id}\n" in second.out
    assert "done: entry 0 of the broker's log has it" in second.out
    provider = parse_provider(json.loads(stands(of_two, "policy")))
    assert provider.name.endswith("/workloadIdentityPools/primus-pool/providers/primus-provider")


def test_what_goes_and_what_comes_stand_in_lines_of_their_own(of_two: Shop) -> None:
    of_two.approve(1, "anna")
    of_two.json("order", "policy", "policy.toml", "--send")
    (of_two.folder / "policy.toml").write_text(POLICY_FILE.format("b" * 64))
    shown = of_two.owner("order", "policy", "policy.toml", "--plan").out.splitlines()
    assert [line[:2] for line in shown if "image_digest ==" in line] == ["- ", "+ "]
    assert shown[-1] == "nothing was signed: this is the plan"
    assert list(of_two.folder.glob("order-*")) == []


def test_an_order_waits_in_its_file_until_somebody_sends_it(of_two: Shop) -> None:
    of_two.json("order", "template", "templates.toml", "--output", "later.json")
    said = of_two.json("approve", "later.json", key="ben")
    assert (said["done"], said["signed"], said["file"]) == (False, 2, "later.json")
    assert len(parse_document(Path("later.json").read_bytes()).signed.signatures) == 2
    assert "has the 2 signatures that it needs" in of_two.owner("approve", "later.json", key="ben").out
    assert of_two.json("approve", "later.json", "--send", key="ben")["done"]
    assert parse_templates(stands(of_two, "template")) == (
        Template(name="trial", model_id="lite0.tar", runs=3, lasts_s=30 * 86_400),
    )
    again = of_two.json("approve", "later.json", "--send", key="anna")
    assert (again["done"], again["index"]) == (True, 0)


def test_what_stands_already_is_not_ordered_again(of_two: Shop) -> None:
    of_two.approve(1, "anna")
    of_two.json("order", "template", "templates.toml", "--send")
    assert of_two.owner("order", "template", "templates.toml").out == "nothing to do: that is what stands\n"
    assert of_two.json("order", "template", "templates.toml") == {"order": None, "done": True}


def test_the_list_of_keys_is_changed_by_the_old_one(of_two: Shop) -> None:
    files = ("ben.pem.pub", "stranger.pem.pub")
    out = of_two.owner("order", "approvals", *files, "--threshold", "1").out
    signs = sorted(line[0] for line in out.splitlines() if " key sha256:" in line)
    assert signs == [" ", "+", "-", "-"]
    assert "- 2 of them sign what needs approval\n+ 1 of them sign what needs approval\n" in out
    assert of_two.owner("approve", "order-approvals-1.json", key="stranger").code == ExitCode.REFUSED
    assert of_two.json("approve", "order-approvals-1.json", "--send", key="cleo")["done"]
    assert of_two.owner("licence", "list").code == ExitCode.REFUSED
    assert of_two.owner("licence", "list", key="stranger").code == 0


def test_an_order_that_another_one_overtook_is_not_signed(of_two: Shop) -> None:
    of_two.json("order", "policy", "policy.toml")
    with writing(of_two.broker.engine) as connection:
        replace_standing(connection, POLICY, policy_text())
    answered = of_two.owner("approve", "order-policy-1.json", key="ben")
    assert (answered.code, "another order came before it" in answered.err) == (ExitCode.MISCONFIGURED, True)
    assert len(parse_document(Path("order-policy-1.json").read_bytes()).signed.signatures) == 1


def test_an_order_for_another_broker_is_not_signed(of_two: Shop) -> None:
    of_two.json("order", "master-key", "key-2")
    answered = of_two.owner(
        "approve", "order-master-key-1.json", "--broker", "https://other.example", "--pin", "0" * 64,
        "--broker-key", (of_two.folder / "anna.pem.pub").read_text().splitlines()[1],
    )  # fmt: skip
    assert (answered.code, "is for the broker" in answered.err) == (ExitCode.MISCONFIGURED, True)


def test_an_epoch_says_what_becomes_void_and_voids_it(of_two: Shop) -> None:
    of_two.approve(1, "anna")
    id_ = of_two.sell()["id"]
    with writing(of_two.broker.engine) as connection:
        connection.execute(update(licences).values(runs_used=1))
    out = of_two.owner("order", "epoch", "--send").out
    assert "+ epoch 1 begins after 1 entries of the log, whose root is sha256:" in out
    assert "+ every licence is void until it is renewed, and what was left of it is used up" in out
    shown = of_two.json("licence", "show", id_)["licence"]
    assert (shown["state"], shown["runs_used"]) == ("revoked", 3)
    of_two.json("licence", "renew", id_, "--runs", "5", "--reinstate")
    assert of_two.json("licence", "show", id_)["licence"]["state"] == "holds"


def test_an_epoch_after_an_earlier_restore_is_not_signed(of_two: Shop) -> None:
    engine = of_two.broker.engine
    mark_restored(engine)
    assert "+ it begins after the restore " in of_two.owner("order", "epoch").out
    mark_restored(engine)
    answered = of_two.owner("approve", "order-epoch-1.json", key="ben")
    assert (answered.code, "after another restore" in answered.err) == (ExitCode.MISCONFIGURED, True)


def test_whoever_sits_at_a_terminal_is_asked(of_two: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approving, "_agreed", lambda *, is_shown: not is_shown)
    answered = of_two.alone("order", "master-key", "key-2")
    assert (answered.code, answered.out.splitlines()[-1]) == (ExitCode.ANSWERED_NO, "nothing was signed")
    assert list(of_two.folder.glob("order-*")) == []
    assert of_two.owner("order", "master-key", "key-2", "--yes").code == 0


def test_nothing_is_signed_where_nobody_can_be_asked(of_two: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    of_two.json("order", "master-key", "key-2")
    before = Path("order-master-key-1.json").read_bytes()
    for words in (("order", "template", "templates.toml"), ("approve", "order-master-key-1.json", "--send")):
        answered = of_two.alone(*words, key="ben")
        assert (answered.code, "who could be asked" in answered.err) == (ExitCode.USAGE, True)
        assert of_two.alone(*words, "--plan", key="ben").code == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    answered = of_two.alone("approve", "order-master-key-1.json", "--format", "json", key="ben")
    assert answered.code == ExitCode.USAGE, "what is not shown is not asked about"
    assert Path("order-master-key-1.json").read_bytes() == before
    assert [path.name for path in of_two.folder.glob("order-*")] == ["order-master-key-1.json"]


def test_a_licence_that_waits_is_shown_beside_the_one_that_stands(of_two: Shop) -> None:
    of_two.approve(1, "anna")
    id_ = of_two.sell("--runs", "3")["id"]
    of_two.approve(2, "anna", "ben")
    of_two.json("licence", "renew", id_, "--runs", "9")
    out = of_two.owner("approve", "order-licence-2.json", "--plan", key="ben").out
    assert "- runs: 3\n+ runs: 9\n" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trial", "not TOML"),
        ("[trial]\nmodel = 'm'\n", "`format` is missing"),
        ("format = 1\ntrial = 1\n", "is no table"),
        ("format = 1\n[trial]\nruns = 1\n", "names no `model`"),
        ("format = 1\n[trial]\nmodel = 'm'\nrun = 1\n", "unknown key `run`"),
        ("format = 1\n[trial]\nmodel = 'm'\nruns = 'three'\n", "`runs` is no whole number"),
        ("format = 1\n[trial]\nmodel = 'm'\nlease_s = 1\n", "a lease is of 60 to 86400 seconds"),
        ("format = 1\n[Trial]\nmodel = 'm'\n", "lower-case letters"),
        ("format = 1\n[trial]\nmodel = 'm'\nimages = ['latest']\n", ""),
    ],
)
def test_templates_that_cannot_be_meant_are_refused(of_two: Shop, text: str, says: str) -> None:
    (of_two.folder / "templates.toml").write_text(text)
    answered = of_two.owner("order", "template", "templates.toml")
    assert (answered.code, says in answered.err) == (ExitCode.MISCONFIGURED, True)


def test_nobody_signs_beside_a_stranger(of_two: Shop) -> None:
    of_two.json("order", "policy", "policy.toml")
    file = Path("order-policy-1.json")
    file.write_bytes(render_document(sign_document(parse_document(file.read_bytes()), STRANGER)))
    answered = of_two.owner("approve", file, "--plan", key="ben")
    assert (answered.code, "none of those that may" in answered.err) == (ExitCode.REFUSED, True)


def test_a_condition_alone_is_no_policy_of_a_broker(of_two: Shop) -> None:
    (of_two.folder / "c.cel").write_text('assertion.swname == "CONFIDENTIAL_SPACE"')
    answered = of_two.owner("order", "policy", "c.cel")
    assert (answered.code, "not the policy of one provider" in answered.err) == (ExitCode.MISCONFIGURED, True)


def test_a_file_that_has_no_order_is_refused(of_two: Shop) -> None:
    assert of_two.owner("approve", "policy.toml").code == ExitCode.REFUSED
    assert of_two.owner("approve", "none.json").code == ExitCode.MISCONFIGURED


def test_a_provider_of_gcloud_s_is_a_policy_as_well(of_two: Shop) -> None:
    of_two.approve(1, "anna")
    (of_two.folder / "provider.json").write_bytes(policy_text())
    said = of_two.json("order", "policy", "provider.json", "--send")
    assert said["order"]["new"] == digest_of(stands(of_two, "policy"))
    assert any(line.startswith("asks assertion.swname") for line in said["becomes"])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"}, {"model_id": "b0.tar"}, {"versions": (2, None)}, {"versions": (1, 9)},
        {"images": (digest_of(b"i"),)}, {"policy": digest_of(b"p")}, {"runs": 3}, {"pictures": 3},
        {"at_once": 3}, {"lasts_s": 86_400_001}, {"lease_s": 61},
    ],
    ids=str,
)  # fmt: skip
def test_whoever_signs_templates_is_shown_each_bound(change: dict[str, Any]) -> None:
    template = Template(name="trial", model_id="lite0.tar", lasts_s=86_400_000)
    shown = [
        words_of("template", render_templates((each,))) for each in (template, replace(template, **change))
    ]
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "2" * 32}, {"serial": 2}, {"model_id": "b0.tar"}, {"versions": (2, None)},
        {"versions": (1, 9)}, {"holder": Holder(projects=("tertius",))}, {"images": (digest_of(b"i"),)},
        {"policy": digest_of(b"p")},
        {"starts_at": NOW + 60}, {"ends_at": NOW + 1200}, {"runs": 99}, {"pictures": 99}, {"at_once": 99},
        {"lease_s": 61},
    ],
    ids=str,
)  # fmt: skip
def test_whoever_signs_a_licence_is_shown_what_it_gives(change: dict[str, Any]) -> None:
    shown = [words_of("licence", sign_licence(each, FIRST)) for each in (LICENCE, replace(LICENCE, **change))]
    assert shown[0] != shown[1]
    assert f"evidence: {LICENCE.evidence}" in shown[0]


def test_whoever_signs_a_policy_is_shown_all_of_it() -> None:
    document = json.loads(policy_text())
    document["oidc"]["allowedAudiences"] = ["//another.example/audience"]
    document |= {"disabled": True, "description": "of a member that is new"}
    words = words_of("policy", json.dumps(document).encode())
    assert 'oidc.allowedAudiences ["//another.example/audience"]' in words
    assert {'description "of a member that is new"', "disabled true"} <= set(words)
    assert words_of("policy", b"[]") == ["a policy that cannot be read"]
