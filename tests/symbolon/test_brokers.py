"""A broker is named by its folder, by what is typed, by `symbolon.toml` or by the owner's terms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from attestation.digests import parse_digest
from attestation.errors import Misconfigured
from contract.dsse import public_key_of
from contract.release_terms import ReleaseTerms
from contract.terms import render_terms
from symbolon.brokers import NamedBroker, find_broker, owner_key_file
from tests.orders import FIRST, SECOND
from tests.workload.samples import TERMS

KEY, OTHER = public_key_of(FIRST).text, public_key_of(SECOND).text
PINS = ("3f" * 32, "90" * 32)
URL = "https://broker.primus.example"
NOTHING = NamedBroker()


def section(folder: Path, **changes: object) -> None:
    values = {"url": URL, "key": KEY, "pins": list(PINS), **changes}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if value is not None]
    (folder / "symbolon.toml").write_text("\n".join(["[broker]", *lines, ""]))


def terms(folder: Path, url: str = URL) -> None:
    release = ReleaseTerms(
        manifest=parse_digest("sha256:" + "5" * 64),
        broker=url,
        broker_key=OTHER,
        broker_pins=(parse_digest("sha256:" + PINS[0]),),
    )
    (folder / "terms.toml").write_text(render_terms(replace(TERMS, release=release)))


def test_what_is_typed_needs_no_file(tmp_path: Path) -> None:
    named = NamedBroker(broker=f"{URL}/", key=KEY, pins=PINS)
    found = find_broker(named, folder=tmp_path)
    assert (found.url, found.key.text) == (URL, KEY)
    assert found.pins == tuple(f"sha256:{pin}" for pin in PINS)


def test_the_file_goes_before_the_terms_and_a_url_chooses(tmp_path: Path) -> None:
    terms(tmp_path, "https://other.example")
    assert find_broker(NOTHING, folder=tmp_path).url == "https://other.example"
    section(tmp_path)
    assert find_broker(NOTHING, folder=tmp_path).key.text == KEY
    assert find_broker(NamedBroker(broker=URL), folder=tmp_path).key.text == KEY
    assert find_broker(NamedBroker(broker="https://other.example"), folder=tmp_path).key.text == OTHER


def test_a_broker_that_nothing_is_known_of_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no broker is named"):
        find_broker(NOTHING, folder=tmp_path)
    with pytest.raises(Misconfigured, match="nothing is known of the broker"):
        find_broker(NamedBroker(broker=URL, key=KEY), folder=tmp_path)
    with pytest.raises(Misconfigured, match="neither a broker's folder nor an `https://` address"):
        find_broker(NamedBroker(broker="http://broker.example"), folder=tmp_path)
    (tmp_path / "terms.toml").write_text(render_terms(TERMS))
    with pytest.raises(Misconfigured, match="no broker is named"):
        find_broker(NOTHING, folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": None}, "does not say `url`"),
        ({"key": "none"}, "is no public key"),
        ({"key": 1}, "`broker.key` of symbolon.toml must be a string"),
        ({"pins": []}, "has 0 pins"),
        ({"pins": [*PINS, "00" * 32]}, "has 3 pins"),
        ({"pins": ["3f"]}, "`sha256:3f`"),
        ({"pins": "3f"}, "must be a list"),
        ({"url": "http://broker.example"}, "as the broker's address"),
        ({"more": 1}, "unknown key `more`"),
    ],
)
def test_a_section_that_cannot_be_used_is_refused(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    section(tmp_path, **change)
    with pytest.raises(Misconfigured) as refused:
        find_broker(NOTHING, folder=tmp_path)
    assert says in refused.value.message


def test_the_owner_s_key_is_typed_or_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no key of the owner's is named"):
        owner_key_file(NOTHING, folder=tmp_path)
    section(tmp_path, owner_key="anna.pem", passphrase_file="words")
    assert owner_key_file(NOTHING, folder=tmp_path) == (tmp_path / "anna.pem", tmp_path / "words")
    typed = NamedBroker(owner_key=Path("ben.pem"), passphrase_file=Path("other"))
    assert owner_key_file(typed, folder=tmp_path) == (Path("ben.pem"), Path("other"))
