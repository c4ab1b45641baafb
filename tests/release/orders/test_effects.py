"""What each type of order does, and what it refuses to."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from attestation.digests import digest_of
from contract.approvals import make_approvals, render_approvals
from contract.dsse import PrivateKey, public_key_of
from contract.licence import Holder, Licence, sign_licence
from contract.licence_templates import Template, render_templates
from contract.model_keys import render_model_key, seal_model_key
from contract.orders import Epoch, Type, render_epoch, render_master_key, render_revocation
from contract.release_log import Opening
from contract.release_refusals import BrokerRefused
from release.broker import model_context
from release.orders.standing import APPROVALS, replace_standing
from release.restored import is_waiting, mark_copied, mark_restored, name_copy
from release.store.engine import reading, writing
from release.store.schema import METADATA, leases, licences
from tests.orders import FIRST, IMAGE, LICENCE, NOW, SECOND, STRANGER, licence
from tests.release.brokers import DATA_KEY, MANIFEST, World, policy_text
from tests.release.brokers import NOW as RELEASED_AT
from tests.release.orders.conftest import KEYS, POLICY, SOLD, Owner

TEMPLATE = Template(name="trial", model_id=LICENCE.model_id, runs=3, pictures=1_000, at_once=1)


def refuses(owner: Owner, code: str, type_: Type, body: bytes, *keys: PrivateKey, **how: Any) -> str:
    size = owner.ask("state")["log"]["size"]
    with pytest.raises(BrokerRefused) as no:
        owner.order(type_, body, *(keys or (FIRST, SECOND)), **how)
    assert no.value.code == code
    assert owner.ask("state")["log"]["size"] == size
    return no.value.message


BODIES: list[tuple[Type, bytes]] = [
    ("policy", b"[]"),
    ("policy", b"{}"),
    ("policy", policy_text("assertion.swname ==")),
    ("policy", policy_text(description="x" * (64 << 10))),
    ("template", b"{}"),
    ("template", POLICY),
    ("approvals", render_templates(())),
    ("master-key", render_revocation("0" * 32)),
    ("epoch", render_master_key("k")),
    ("licence", b"{}"),
    ("licence", render_revocation("0" * 32)),
    ("revoke", b"{}"),
    ("model", b"{}"),
]


@pytest.mark.parametrize(("type_", "body"), BODIES)
def test_a_body_of_another_type_does_nothing(owner: Owner, type_: Type, body: bytes) -> None:
    refuses(owner, "request-malformed", type_, body)


def test_templates_and_the_master_key_s_name_stand_once_two_keys_said_so(owner: Owner) -> None:
    for type_, body in (("template", render_templates((TEMPLATE,))), ("master-key", render_master_key("k2"))):
        refuses(owner, "order-rejected", type_, body, FIRST)  # type: ignore[arg-type]
        owner.order(type_, body, FIRST, SECOND)  # type: ignore[arg-type]
        assert owner.ask("state")["documents"][type_]["digest"] == digest_of(body)


class TestLicence:
    def test_one_key_sells_within_a_template_and_two_sell_anything(self, owner: Owner) -> None:
        refuses(owner, "order-rejected", "licence", sign_licence(SOLD, FIRST), FIRST)
        owner.order("template", render_templates((TEMPLATE,)), FIRST, SECOND)
        wider = licence(id="2" * 32, runs=4)
        refuses(owner, "order-rejected", "licence", sign_licence(wider, FIRST), FIRST)
        owner.sell(SOLD, FIRST)
        owner.sell(wider, FIRST, SECOND)
        assert (owner.row(SOLD.id).runs_used, owner.row(wider.id).serial) == (0, 1)

    def test_its_order_is_in_the_log_for_its_holder(self, owner: Owner) -> None:
        owner.sell(SOLD)
        assert owner.log() == [None]
        (entry,) = owner.log(SOLD.secret)
        assert isinstance(entry, Opening)
        assert (entry.said["type"], entry.said["licence"], entry.said["serial"]) == ("licence", SOLD.id, "1")

    def test_a_renewal_goes_on_with_what_is_used(self, owner: Owner) -> None:
        old = digest_of(owner.sell(SOLD))
        with writing(owner.broker.engine) as connection:
            connection.execute(update(licences).values(runs_used=3, pictures_used=10))
        owner.sell(replace(SOLD, serial=2, runs=6), old=old)
        row = owner.row(SOLD.id)
        assert (row.serial, row.runs_used, row.pictures_used) == (2, 3, 10)

    @pytest.mark.parametrize("serial", [1, 3])
    def test_a_serial_that_is_not_the_next_is_refused(self, owner: Owner, serial: int) -> None:
        old = digest_of(owner.sell(SOLD))
        body = sign_licence(replace(SOLD, serial=serial, runs=6), FIRST)
        says = refuses(owner, "order-out-of-turn", "licence", body, old=old)
        assert says == f"the licence's serial is {serial}, and the next is 2"

    def test_a_licence_begins_with_its_first_serial(self, owner: Owner) -> None:
        refuses(owner, "order-out-of-turn", "licence", sign_licence(replace(SOLD, serial=2), FIRST))

    def test_a_renewal_of_what_stands_no_longer_is_refused(self, owner: Owner) -> None:
        first = digest_of(owner.sell(SOLD))
        owner.sell(replace(SOLD, serial=2), old=first)
        refuses(
            owner, "order-out-of-turn", "licence", sign_licence(replace(SOLD, serial=3), FIRST), old=first
        )

    def test_a_transfer_is_the_same_licence_of_another_holder(self, owner: Owner) -> None:
        old = digest_of(owner.sell(SOLD))
        moved = replace(SOLD, serial=2, holder=Holder(projects=("tertius",)), secret=b"n" * 32)
        body = owner.sell(moved, old=old)
        assert owner.row(SOLD.id).envelope == body
        assert owner.log(b"n" * 32)[0] is None, "what was before is not the new holder's to read"

    def test_a_licence_that_a_stranger_signed_is_refused_whoever_orders_it(self, owner: Owner) -> None:
        refuses(owner, "order-rejected", "licence", sign_licence(SOLD, STRANGER))

    def test_a_revoked_one_stays_revoked_until_the_owner_renews_it(self, owner: Owner) -> None:
        old = digest_of(owner.sell(SOLD))
        owner.order("revoke", render_revocation(SOLD.id), FIRST, old=old)
        owner.now += 5
        owner.order("revoke", render_revocation(SOLD.id), FIRST, old=old)
        assert owner.row(SOLD.id).revoked_at == NOW
        owner.sell(replace(SOLD, serial=2), old=old)
        assert owner.row(SOLD.id).revoked_at is None

    def test_what_was_never_sold_cannot_be_revoked(self, owner: Owner) -> None:
        refuses(owner, "licence-unknown", "revoke", render_revocation("0" * 32), FIRST)


class TestModel:
    def body(self, owner: Owner, key: bytes = DATA_KEY, version: int = 1) -> bytes:
        return render_model_key(
            seal_model_key(
                key,
                intake=bytes.fromhex(owner.ask("state")["intake"]),
                broker=owner.broker.digest,
                manifest=MANIFEST,
                model_id="lite0.tar",
                version=version,
            )
        )

    def test_its_key_is_kept_by_the_master_key_alone(self, owner: Owner) -> None:
        owner.order("model", self.body(owner), FIRST)
        (wrapped,) = owner.model_keys().values()
        assert DATA_KEY not in wrapped
        assert owner.broker.master.unwrap(wrapped, model_context(MANIFEST)) == DATA_KEY
        assert owner.ask("models")["models"] == [MANIFEST]

    def test_its_key_stands_nowhere_in_clear(self, owner: Owner) -> None:
        """Neither in a row of any table nor in what is answered."""
        said = owner.order("model", self.body(owner), FIRST)
        forms = (DATA_KEY, DATA_KEY.hex().encode(), base64.b64encode(DATA_KEY))
        with reading(owner.broker.engine) as connection:
            rows = [row for table in METADATA.tables.values() for row in connection.execute(table.select())]
        kept = [
            bytes(each) if isinstance(each, bytes) else str(each).encode() for row in rows for each in row
        ]
        assert len(kept) > 10
        assert not [each for each in (*kept, repr(said).encode()) if any(form in each for form in forms)]

    def test_the_same_key_may_be_handed_over_again_and_another_not(self, owner: Owner) -> None:
        owner.order("model", self.body(owner), FIRST)
        kept = owner.model_keys()
        owner.order("model", self.body(owner), FIRST)
        refuses(owner, "order-out-of-turn", "model", self.body(owner, b"q" * 32), FIRST)
        refuses(owner, "order-out-of-turn", "model", self.body(owner, version=2), FIRST)
        assert owner.model_keys() == kept

    def test_a_key_for_another_broker_is_refused(self, owner: Owner) -> None:
        sealed = seal_model_key(
            DATA_KEY,
            intake=bytes.fromhex(owner.ask("state")["intake"]),
            broker=digest_of(b"another"),
            manifest=MANIFEST,
            model_id="lite0.tar",
            version=1,
        )
        refuses(owner, "request-malformed", "model", render_model_key(sealed), FIRST)
        assert owner.model_keys() == {}


class TestEpoch:
    def body(self, owner: Owner, **changes: Any) -> bytes:
        state = owner.ask("state")
        log = state["log"]
        epoch = Epoch(number=1, size=int(log["size"]), root=log["root"], restored=state["restored"])
        return render_epoch(replace(epoch, **changes))

    def sold(self, owner: Owner, sold: Licence) -> None:
        owner.sell(sold)
        with writing(owner.broker.engine) as connection:
            connection.execute(
                insert(leases).values(
                    id="a" * 32,
                    licence=sold.id,
                    machine="m",
                    image=IMAGE,
                    manifest=MANIFEST,
                    begun_at=NOW,
                    ends_at=NOW + 3600,
                    pictures=10,
                )
            )

    def test_it_voids_what_was_left_and_lets_the_owner_begin_again(self, owner: Owner) -> None:
        self.sold(owner, SOLD)
        owner.now += 7
        owner.order("epoch", self.body(owner), FIRST, SECOND)
        row = owner.row(SOLD.id)
        assert (row.revoked_at, row.runs_used, row.pictures_used) == (NOW + 7, SOLD.runs, SOLD.pictures)
        with reading(owner.broker.engine) as connection:
            assert connection.execute(select(leases.c.ended_at)).scalar_one() == NOW + 7
        assert owner.ask("state")["epoch"] == 1
        old = digest_of(row.envelope)
        owner.sell(replace(SOLD, serial=2, runs=5), old=old)
        row = owner.row(SOLD.id)
        assert (row.revoked_at, row.runs_used) == (None, 3)

    def test_orders_of_the_epoch_before_are_void(self, owner: Owner) -> None:
        lost = owner.make("policy", POLICY, FIRST, SECOND)
        owner.order("epoch", self.body(owner), FIRST, SECOND)
        with pytest.raises(BrokerRefused, match="is of epoch 0, and the broker's is 1"):
            owner.send(lost)

    @pytest.mark.parametrize("change", [{"number": 2}, {"size": 0}, {"root": digest_of(b"another")}])
    def test_it_begins_where_the_log_ends_and_is_the_next(self, owner: Owner, change: dict[str, Any]) -> None:
        owner.order("policy", POLICY, FIRST, SECOND)
        refuses(owner, "order-out-of-turn", "epoch", self.body(owner, **change))

    def test_it_names_the_restore_after_which_it_was_ordered(self, owner: Owner) -> None:
        never = self.body(owner)
        mark_restored(owner.broker.engine)
        once = self.body(owner)
        mark_restored(owner.broker.engine)
        for earlier in (never, once):
            refuses(owner, "order-out-of-turn", "epoch", earlier)
        owner.order("epoch", self.body(owner), FIRST, SECOND)

    def test_a_copy_that_is_put_into_its_place_twice_is_two_restores(self, owner: Owner) -> None:
        """Else one order begins the epoch again and again, and each time the runs since the copy are sold."""
        engine = owner.broker.engine
        mark_copied(engine)
        refuses(owner, "order-out-of-turn", "epoch", self.body(owner))  # it has no name yet
        name_copy(engine)
        once = self.body(owner)
        name_copy(engine)
        assert self.body(owner) == once
        mark_copied(engine)
        name_copy(engine)
        refuses(owner, "order-out-of-turn", "epoch", once)
        owner.order("epoch", self.body(owner), FIRST, SECOND)
        name_copy(engine)
        assert owner.ask("state")["restored"] == ""
        with reading(engine) as connection:
            assert not is_waiting(connection)

    def test_what_is_released_before_it_has_locked_the_licences_is_not_passed_over(
        self, world: World, backend: str
    ) -> None:
        """An epoch begins where the log ends, though somebody wrote to the log at the last moment."""
        engine = world.broker.engine
        seen: list[str] = []
        with writing(engine) as connection:
            approvals = render_approvals(make_approvals(tuple(map(public_key_of, KEYS)), 2))
            replace_standing(connection, APPROVALS, approvals)
        owner = Owner(broker=world.broker, now=RELEASED_AT)
        signed = owner.make("epoch", self.body(owner), FIRST, SECOND)

        def release_first(_c: Any, _cursor: Any, statement: str, *rest: Any) -> None:
            if not seen and "FROM licences" in statement and "FOR UPDATE" in statement:
                seen.append(statement)
                world.release(RELEASED_AT)

        if backend == "sqlite":  # where one writes at a time, and nobody comes between
            world.release(RELEASED_AT)
        event.listen(engine, "before_cursor_execute", release_first)
        try:
            with pytest.raises(BrokerRefused, match="does not begin at the log's end, 1"):
                owner.send(signed)
        finally:
            event.remove(engine, "before_cursor_execute", release_first)
        assert bool(seen) is (backend == "postgresql")

    def test_it_needs_two(self, owner: Owner) -> None:
        refuses(owner, "order-rejected", "epoch", self.body(owner), FIRST)
