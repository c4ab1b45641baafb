"""`broker.toml` is read as it was written, and nothing in it is guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from release.settings import (
    ApprovalSettings,
    BrokerSettings,
    KeySettings,
    LogSettings,
    MasterSettings,
    PlatformSettings,
    Settings,
    TlsSettings,
    WitnessSettings,
    check_database,
    parse_settings,
    render_settings,
)

KEY = "MCowBQYDK2VwAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="
OTHER_KEY = "MCowBQYDK2VwAyEAWfbY0xi/ST9GDZ5EGTNn6MESUML+tLPWrl9PHJVMXws="
KMS = "projects/primus-project/locations/europe-west4/keyRings/broker/cryptoKeys/master"
VERIFIER = "witness.example/w+0a1b2c3d+" + "A" * 44
SETTINGS = Settings(
    broker=BrokerSettings(url="https://broker.primus.example:8443", address="127.0.0.1:8443", public_key=KEY),
    tls=TlsSettings(pin=Digest("sha256:" + "0" * 64), next_pin=Digest("sha256:" + "1" * 64)),
    keys=KeySettings(),
    master=MasterSettings(file="master.key"),
    platform=PlatformSettings(),
    approval=ApprovalSettings(keys=(KEY,)),
    log=LogSettings(),
)
TEXT = render_settings(SETTINGS)
BIG = replace(
    SETTINGS,
    broker=replace(SETTINGS.broker, address="[::1]:443", database="postgresql://db/broker", workers=9),
    master=MasterSettings(kms=KMS),
    platform=PlatformSettings(mode="emulator"),
    approval=ApprovalSettings(keys=(KEY, OTHER_KEY), threshold=2),
    log=LogSettings(kept="/mnt/elsewhere/checkpoint"),
    witness=WitnessSettings(url="https://witness.example/add", verifier_key=VERIFIER),
)


@pytest.mark.parametrize("settings", [SETTINGS, BIG], ids=["a small broker", "a large one"])
def test_settings_are_read_as_they_were_written(settings: Settings) -> None:
    assert parse_settings(render_settings(settings)) == settings


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("format = 1", "", "`format` is missing", id="no format"),
        pytest.param("format = 1", "format = 2", "`2`", id="another format"),
        pytest.param("format = 1", "format = ", "not TOML", id="no TOML"),
        pytest.param("[keys]", "[kyes]", "unknown key `kyes`", id="an unknown table"),
        pytest.param("workers = 8", "wrokers = 8", "unknown key `broker.wrokers`", id="an unknown key"),
        pytest.param("workers = 8", "workers = 0", "`broker.workers`", id="no worker"),
        pytest.param("workers = 8", "workers = true", "`broker.workers`", id="a truth for a number"),
        pytest.param('url = "https://', 'url = "http://', "`broker.url`", id="a URL without TLS"),
        pytest.param(':8443"\n# where it', ':99443"\n# where it', "ports are", id="a URL with no such port"),
        pytest.param('address = "127.0.0.1:8443"', 'address = "127.0.0.1"', "`broker.address`", id="no port"),
        pytest.param('address = "127.0.0.1:8443"', 'address = "a:70000"', "ports are", id="no such port"),
        pytest.param('mode = "production"', 'mode = "debug"', "`platform.mode`", id="another platform"),
        pytest.param('file = "master.key"', "", "neither a file nor", id="no master key"),
        pytest.param(
            'file = "master.key"', f'file = "master.key"\nkms = "{KMS}"', "or both", id="two master keys"
        ),
        pytest.param('file = "master.key"', 'file = "../master.key"', "`master.file`", id="a file outside"),
        pytest.param('file = "master.key"', 'file = "/master.key"', "`master.file`", id="an absolute path"),
        pytest.param('"' + "1" * 64, '"' + "0" * 64, "`tls.next_pin`", id="one TLS key twice"),
        pytest.param('"' + "1" * 64, '"' + "1" * 63, "`tls.next_pin`", id="a pin that is too short"),
        pytest.param("threshold = 1", "threshold = 2", "more than there are", id="more signatures than keys"),
        pytest.param(f'keys = ["{KEY}"]', "keys = []", "`approval.keys`", id="no key of the owner's"),
        pytest.param(
            f'keys = ["{KEY}"]', f'keys = ["{KEY}", "{KEY}"]', "`approval.keys`", id="one key twice"
        ),
        pytest.param(
            "workers = 8", 'database = "mysql://db"', "`broker.database`", id="a database of another kind"
        ),
        pytest.param(
            "workers = 8", 'database = "postgresql://a:secret@db/b"', "password", id="a password in the URL"
        ),
    ],
)
def test_settings_with_one_thing_wrong_are_refused(old: str, new: str, says: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(Misconfigured) as refused:
        parse_settings(TEXT.replace(old, new))
    assert says in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://broker:canary@db/broker",
        "postgresql://db/broker?user=broker&password=canary",
        "postgres//broker:canary@db",
        "mysql://broker:canary@db/broker",
    ],
)
def test_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_database(url)
    assert "canary" not in refused.value.message + refused.value.hint
