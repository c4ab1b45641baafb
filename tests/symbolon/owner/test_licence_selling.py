"""`symbolon owner licence`: what is typed stands at the broker, and typed again it is nothing new."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attestation.errors import ExitCode
from contract.dsse import public_key_of
from contract.licence import open_licence
from contract.licence_templates import Template, render_templates
from contract.owner_asks import sign_answer
from release.orders.applying import apply
from release.orders.standing import TEMPLATE, replace_standing
from release.store.engine import writing
from tests.orders import FIRST, NOW, STRANGER
from tests.symbolon.owner.shops import NotReady, Shop

IMAGE = "sha256:" + "a" * 64
DAY_S = 86_400


def test_a_licence_is_sold_and_its_file_is_for_its_holder(shop: Shop) -> None:
    said = shop.json(
        "licence", "issue", "--model", "lite0.tar", "--to-project", "secundus", "--image", IMAGE,
        "--runs", "3", "--pictures", "1000", "--at-once", "2", "--until", "2030-01-01T00:00:00Z",
        "--versions", "1-3", "--lease", "600",
    )  # fmt: skip
    assert (said["done"], said["index"], said["signed"], said["needed"]) == (True, 0, 1, 1)
    file = Path(said["licence_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    licence = open_licence(file.read_bytes(), signed_by=(public_key_of(FIRST),))
    assert (licence.id, licence.serial, licence.versions) == (said["licence"]["id"], 1, (1, 3))
    assert (licence.runs, licence.pictures, licence.at_once, licence.lease_s) == (3, 1000, 2, 600)
    assert (licence.starts_at, licence.ends_at) == (NOW, 1_893_456_000)
    assert licence.secret.hex() not in json.dumps(said)
    shown = shop.json("licence", "show", licence.id)["licence"]
    assert (shown["state"], shown["runs"], shown["runs_used"], shown["running"]) == ("holds", 3, 0, 0)


def test_what_is_not_said_does_not_bind(shop: Shop) -> None:
    licence = shop.sell("--lease", "60")
    bounds = {licence[name] for name in ("ends_at", "runs", "pictures", "at_once", "policy")}
    assert (bounds, licence["versions"]) == ({None}, [1, None])


def test_the_same_words_with_a_name_sell_once(shop: Shop) -> None:
    words = ("--runs", "3", "--id", "1" * 32)
    first = shop.sell(*words)
    shop.now += 60
    assert shop.sell(*words) == first
    assert len([path for path, _ in shop.calls if path == "/v1/orders"]) == 1
    other = shop.owner(
        "licence", "issue", "--model", "lite0.tar", "--to-project", "secundus", "--image", IMAGE, *words[2:]
    )
    assert (other.code, "says something else" in other.err) == (ExitCode.MISCONFIGURED, True)


def test_a_renewal_changes_what_is_said_and_nothing_else(shop: Shop) -> None:
    id_ = shop.sell("--runs", "3", "--pictures", "9")["id"]
    shop.now += 5
    renewed = shop.json("licence", "renew", id_, "--runs", "6", "--unbound", "pictures")["licence"]
    assert (renewed["serial"], renewed["runs"], renewed["pictures"]) == (2, 6, None)
    assert (renewed["projects"], renewed["images"], renewed["starts_at"]) == (["secundus"], [IMAGE], NOW)
    again = shop.owner("licence", "renew", id_, "--runs", "6")
    assert (again.code, "nothing to do" in again.out) == (0, True)
    assert shop.json("licence", "show", id_)["licence"]["serial"] == 2


def test_a_revoked_licence_is_revoked_until_somebody_says_reinstate(shop: Shop) -> None:
    id_ = shop.sell()["id"]
    assert shop.json("licence", "revoke", id_)["done"]
    assert shop.json("licence", "show", id_)["licence"]["state"] == "revoked"
    assert "nothing to do" in shop.owner("licence", "revoke", id_).out
    refused = shop.owner("licence", "renew", id_, "--runs", "9")
    assert (refused.code, "--reinstate" in refused.err) == (ExitCode.MISCONFIGURED, True)
    assert shop.owner("licence", "transfer", id_, "--to-project", "tertius").code == ExitCode.MISCONFIGURED
    shop.json("licence", "renew", id_, "--reinstate")
    assert shop.json("licence", "show", id_)["licence"]["state"] == "holds"


def test_a_transferred_licence_has_another_holder_and_another_secret(shop: Shop) -> None:
    id_ = shop.sell()["id"]
    file, keys = Path(f"licence-{id_}.json"), (public_key_of(FIRST),)
    before = open_licence(file.read_bytes(), signed_by=keys)
    words = ("licence", "transfer", id_, "--to-account", "run@tertius.iam.gserviceaccount.com")
    assert shop.json(*words)["licence"]["projects"] == []
    after = open_licence(file.read_bytes(), signed_by=keys)
    assert (after.serial, after.runs, after.secret == before.secret) == (2, before.runs, False)
    earlier = Path(f"licence-{id_}-1.json")
    assert open_licence(earlier.read_bytes(), signed_by=keys) == before, (
        "its secret opens what was until then"
    )
    assert "nothing to do" in shop.owner(*words).out


def test_an_answer_that_nobody_heard_is_asked_for_again_with_the_same_name(shop: Shop) -> None:
    shop.unreachable = 1
    words = (
        "licence",
        "issue",
        "--model",
        "m",
        "--to-project",
        "secundus",
        "--image",
        IMAGE,
        "--id",
        "2" * 32,
    )
    assert shop.owner(*words).code == ExitCode.UNAVAILABLE
    assert "nothing to do" in shop.owner(*words).out


def test_orders_that_came_between_are_no_trouble(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real, others = shop.call, iter([True, False])

    def with_another(url: str, path: str, body: bytes, **how: object) -> bytes:
        if path == "/v1/orders" and next(others, False):
            monkeypatch.setattr("symbolon.owner.desk.call", real)
            shop.sell()
        return real(url, path, body, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("symbolon.owner.desk.call", with_another)
    shop.sell("--runs", "5")
    assert len(shop.json("licence", "list")["licences"]) == 2


class TestApproval:
    def test_one_key_of_two_leaves_an_order_for_the_other(self, shop: Shop) -> None:
        shop.approve(2, "anna", "ben")
        said = shop.sell()
        assert (said["done"], said["signed"], said["needed"]) == (False, 1, 2)
        assert said["file"] == "order-licence-1.json"
        assert shop.json("licence", "list")["licences"] == []
        assert shop.json("approve", said["file"], "--send", key="ben")["done"]
        (sold,) = shop.json("licence", "list")["licences"]
        assert (sold["id"], sold["runs"]) == (said["licence"]["id"], 3)

    def test_within_a_template_one_key_is_enough_and_beyond_it_not(self, shop: Shop) -> None:
        shop.approve(2, "anna", "ben")
        with writing(shop.broker.engine) as connection:
            template = Template(name="trial", model_id="lite0.tar", runs=3)
            replace_standing(connection, TEMPLATE, render_templates((template,)))
        id_ = shop.sell("--runs", "3")["id"]
        assert not shop.json("licence", "renew", id_, "--runs", "4")["done"]
        assert shop.json("licence", "revoke", id_)["done"], "to take back needs one key, always"


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--image", IMAGE), "names no holder"),
            (("--to-project", "secundus"), "names neither an image nor a policy"),
            (("--to-project", "secundus", "--image", IMAGE, "--id", "mine"), "named by 32 hex digits"),
        ],
    )
    def test_a_licence_that_says_too_little_is_wrong_usage(
        self, shop: Shop, words: tuple[str, ...], says: str
    ) -> None:
        answered = shop.owner("licence", "issue", "--model", "lite0.tar", *words)
        assert (answered.code, says in answered.err) == (ExitCode.USAGE, True)

    @pytest.mark.parametrize(
        "words",
        [
            ("--runs", "-1"),
            ("--runs", "many"),
            ("--versions", "3-"[::-1]),
            ("--versions", "0-1"),
            ("--image", "latest"),
            ("--until", "soon"),
            ("--policy", "mine"),
        ],
    )
    def test_what_is_no_bound_is_wrong_usage(self, shop: Shop, words: tuple[str, str]) -> None:
        answered = shop.owner("licence", "issue", "--to-project", "secundus", *words)
        assert (answered.code, "error: argument" in answered.err) == (ExitCode.USAGE, True)
        assert shop.calls == []

    def test_a_licence_that_is_not_there_is_named(self, shop: Shop) -> None:
        for words in (("renew", "--runs", "1"), ("transfer", "--to-project", "tertius"), ("revoke",)):
            answered = shop.owner("licence", words[0], "9" * 32, *words[1:])
            assert (answered.code, "has no licence `999" in answered.err) == (ExitCode.MISCONFIGURED, True)
        assert shop.owner("licence", "show", "9" * 32).code == ExitCode.REFUSED

    def test_a_licence_that_ends_before_it_begins_is_not_signed(self, shop: Shop) -> None:
        answered = shop.owner(
            "licence", "issue", "--model", "m", "--to-project", "secundus", "--image", IMAGE,
            "--until", "2001-01-01T00:00:00Z",
        )  # fmt: skip
        assert answered.code == ExitCode.REFUSED
        assert shop.json("licence", "list")["licences"] == []

    def test_a_stranger_s_key_is_told_nothing(self, shop: Shop) -> None:
        answered = shop.owner("licence", "list", key="stranger")
        assert (answered.code, "none of the owner's keys" in answered.err) == (ExitCode.REFUSED, True)

    def test_under_the_current_policy_takes_a_policy(self, shop: Shop) -> None:
        words = ("licence", "issue", "--model", "m", "--to-project", "secundus", "--policy", "current")
        answered = shop.owner(*words)
        assert (answered.code, "has no policy yet" in answered.err) == (ExitCode.MISCONFIGURED, True)

    def test_a_broker_that_waits_for_its_log_is_unavailable(self, shop: Shop) -> None:
        shop.broker = replace(shop.broker, log=NotReady())  # type: ignore[arg-type]
        answered = shop.owner("licence", "issue", "--model", "m", "--to-project", "p2", "--image", IMAGE)
        assert answered.code == ExitCode.UNAVAILABLE

    def test_an_answer_of_somebody_else_is_not_believed(self, shop: Shop) -> None:
        shop.altered = lambda answer: sign_answer({}, to=shop.calls[-1][1], at=NOW, identity=STRANGER)
        answered = shop.owner("licence", "list")
        assert (answered.code, "not signed by the broker's key" in answered.err) == (ExitCode.REFUSED, True)

    @pytest.mark.parametrize("said", [{}, {"licence": {}, "licences": [{}]}, {"licence": 1, "licences": 1}])
    def test_an_answer_that_says_something_else_is_refused(self, shop: Shop, said: dict[str, object]) -> None:
        id_ = shop.sell()["id"]
        identity = shop.broker.identity
        shop.altered = lambda answer: sign_answer(said, to=shop.calls[-1][1], at=NOW, identity=identity)
        for words in (("show", id_), ("revoke", id_), ("list",)):
            assert shop.owner("licence", *words).code == ExitCode.REFUSED

    def test_a_proof_of_something_else_is_not_believed(self, shop: Shop) -> None:
        """The broker says that the log has an order, and shows where it has another one, or shows nothing."""
        shop.sell()
        identity, last = shop.broker.identity, shop.calls[-1][1]
        earlier = json.loads(base64.b64decode(json.loads(apply(shop.broker, last, NOW))["payload"]))["said"]

        def shown(logged: object) -> Callable[[bytes], bytes]:
            def altered(answer: bytes) -> bytes:
                path, sent = shop.calls[-1]
                said = {**earlier, "logged": logged}
                return (
                    sign_answer(said, to=sent, at=NOW, identity=identity) if path == "/v1/orders" else answer
                )

            return altered

        words = ("licence", "issue", "--model", "m", "--to-project", "secundus", "--image", IMAGE)
        wrong = {**earlier["logged"], "index": "1"}
        for logged, says in (
            (earlier["logged"], "about something else"),
            (wrong, "there is no leaf 1 among 1"),
            ({}, "not as this program writes it"),
        ):
            shop.altered = shown(logged)
            answered = shop.owner(*words)
            assert (answered.code, says in answered.err) == (ExitCode.REFUSED, True), answered.err


class TestWords:
    def test_a_person_reads_what_was_sold(self, shop: Shop) -> None:
        out = shop.owner(
            "licence", "issue", "--model", "lite0.tar", "--to-project", "secundus", "--image", IMAGE,
            "--runs", "1200",
        ).out  # fmt: skip
        assert "model     lite0.tar, versions 1 and later\n" in out
        assert "runs      1,200\n" in out
        assert "until     no end\n" in out
        assert out.endswith("done: entry 0 of the broker's log has it, proved by a signed checkpoint\n")

    def test_a_list_is_a_line_each(self, shop: Shop) -> None:
        assert shop.owner("licence", "list").out == "the broker has no licence\n"
        first = shop.sell("--runs", "1")["id"]
        shop.sell("--pictures", "10")
        shop.json("licence", "revoke", first)
        lines = shop.owner("licence", "list").out.splitlines()
        (revoked,) = (line for line in lines if line.startswith(first))
        assert revoked == (
            f"{first}  revoked: 0 of 1 runs, 0 of any number pictures, 0 running; lite0.tar, secundus"
        )
        assert len(lines) == 2

    def test_a_licence_that_is_over_says_so(self, shop: Shop) -> None:
        id_ = shop.sell("--until", "2030-01-01T00:00:00Z", "--from", "2026-01-01T00:00:00Z")["id"]
        states = []
        for now in (1_767_225_599, 1_767_225_600, 1_893_455_999, 1_893_456_000):
            shop.now = now
            states.append(shop.json("licence", "show", id_)["licence"]["state"])
        assert states == ["not begun", "holds", "holds", "ended"]


class TestOffline:
    def test_a_licence_is_verified_without_a_broker(self, shop: Shop) -> None:
        file = f"licence-{shop.sell()['id']}.json"
        shop.calls.clear()
        words = ("owner", "licence", "verify", file, "--signed-by")
        answered = shop.typed(*words, "ben.pem.pub", "--signed-by", "anna.pem", "--format", "json")
        assert (answered.code, answered.json["licence"]["runs"], shop.calls) == (0, 3, [])
        assert "the broker alone knows" in shop.typed(*words, "anna.pem.pub").out
        assert shop.typed(*words, "ben.pem.pub").code == ExitCode.REFUSED
        Path(file).write_bytes(Path(file).read_bytes().replace(b'"sig":"', b'"sig":"A'))
        assert shop.typed(*words, "anna.pem.pub").code == ExitCode.REFUSED
