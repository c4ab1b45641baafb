"""The page's records are what the emulator wrote: each line once, in its place, and nothing that is half."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulator.ui.records import Records
from tests.emulator.ui.samples import (
    EVIL,
    STS,
    VM,
    add_lines,
    audit_line,
    launcher,
    says,
    write_documents,
    write_state,
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return write_state(tmp_path)


def test_the_parties_stand_in_their_order_with_what_is_theirs(state: Path) -> None:
    owner, operator = Records(state).read().parties
    assert (owner.role, owner.project, owner.number) == ("owner", "primus", "1")
    assert owner.holdings == (("buckets", ("primus-bucket",)),)
    assert (operator.role, operator.holdings) == ("operator", (("confidential VMs", ("workload-vm",)),))


def test_a_party_has_its_keys_and_nobody_elses(state: Path) -> None:
    ring = "projects/primus/locations/us-west1/keyRings/models"
    write_documents(state, "cloudkms.cryptoKeys", {f"{ring}/cryptoKeys/lite0": {}})
    owner, operator = Records(state).read().parties
    assert owner.holdings[-1] == ("keys in Cloud KMS", ("lite0",))
    assert operator.holdings == (("confidential VMs", ("workload-vm",)),)


def test_a_run_has_its_steps_with_their_times_and_its_end(state: Path) -> None:
    (run,) = Records(state).read().runs
    assert (run.vm, run.number, run.project, run.ended, run.exit_code) == (
        "workload-vm",
        1,
        "secundus",
        True,
        4,
    )
    assert [(step.name, step.by) for step in run.steps] == [
        ("start", "launcher"),
        ("attest", "workload"),
        ("", "workload"),
        ("end", "workload"),
        ("exit", "launcher"),
    ]
    times = [step.at for step in run.steps if step.at is not None]
    assert [round(at - times[0], 3) for at in times] == [0, 1.5, 2, 3, 3.5]
    assert run.steps[3].words == "exit code 4: STS refuses `it`"


def test_a_run_knows_the_decisions_about_it(state: Path) -> None:
    snapshot = Records(state).read()
    assert [(each.line, each.granted) for each in snapshot.decisions] == [(4, True), (5, False)]
    assert snapshot.runs[0].decisions == (4, 5)
    add_lines(
        state / "audit.jsonl", audit_line(STS, granted=True, principal="principal://x/subject/a::b::99")
    )
    assert Records(state).read().runs[0].decisions == (4, 5)


def test_a_vm_that_starts_again_is_two_runs(state: Path) -> None:
    add_lines(
        state / "logging" / "secundus.jsonl",
        launcher(10, "TEE container launcher initiating"),
        says(11, step="attest", message="asking"),
    )
    second, first = Records(state).read().runs
    assert (first.number, second.number, second.ended, second.exit_code) == (1, 2, False, None)
    assert first.key != second.key
    assert (first.decisions, second.decisions) == ((4,), (5,))  # by their times


def test_lines_that_say_the_same_one_after_another_stand_once(state: Path) -> None:
    snapshot = Records(state).read()
    assert [(each.line, each.times) for each in snapshot.entries] == [(1, 1), (2, 2), (4, 1), (5, 1)]
    assert snapshot.lines == 5


def test_what_is_added_is_seen_and_a_line_that_is_half_is_not(state: Path) -> None:
    records = Records(state)
    assert records.read().lines == 5
    whole = json.dumps(audit_line("x", granted=False))
    with (state / "audit.jsonl").open("a") as log:
        log.write(whole[:20])
        log.flush()
        assert records.read().lines == 5
        log.write(whole[20:] + "\n")
    assert records.read().lines == 6
    assert records.read().entries[-1].said["serviceName"] == "x"


def test_where_nothing_has_changed_nothing_is_read_again(state: Path) -> None:
    records = Records(state)
    first = records.read()
    assert records.read() is first
    write_documents(state, "projects", {"tertius": {"projectNumber": "3"}})
    assert [each.role for each in records.read().parties] == ["auditor"]


def test_many_threads_read_each_line_once(state: Path) -> None:
    records = Records(state)
    add_lines(state / "audit.jsonl", *(audit_line(f"s{number}", granted=True) for number in range(500)))
    with ThreadPoolExecutor(8) as pool:
        lines = {each.lines for each in pool.map(lambda _: records.read(), range(64))}
    assert lines == {505}


def test_a_log_that_was_begun_again_is_read_again(state: Path) -> None:
    records = Records(state)
    records.read()
    (state / "audit.jsonl").unlink()
    add_lines(state / "audit.jsonl", audit_line("x", granted=True))
    assert [each.said["serviceName"] for each in records.read().entries] == ["x"]


def test_where_cloud_logging_has_nothing_the_serial_port_is_read(state: Path) -> None:
    (state / "logging" / "secundus.jsonl").unlink()
    folder = state / "instances" / "secundus" / "workload-vm"
    folder.mkdir(parents=True)
    (folder / "serial.log").write_text(
        'time=2026-11-27T04:04:31.685Z level=INFO msg="TEE container launcher initiating" build_commit=x\n'
        '{"severity": "INFO", "message": "asking", "step": "attest"}\n'
        f"{EVIL}\n"
        'time=2026-11-27T04:04:37.720Z level=INFO msg="TEE container launcher exiting" exit_code=0 '
        'exit_msg="workload finished"\n'
    )
    (run,) = Records(state).read().runs
    assert [(step.name, step.at is None) for step in run.steps] == [
        ("start", False),
        ("attest", True),
        ("exit", False),
    ]
    assert run.ended and run.exit_code is None


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b"[1, 2]\n",
        b"\xff\xfe\n",
        b"null\n",
        b'{"detail": {"clauses": "x"}}\n',
        b"[" * 9999 + b"\n",
    ],
)
def test_what_no_emulator_writes_stops_nothing(state: Path, line: bytes) -> None:
    with (state / "audit.jsonl").open("ab") as log:
        log.write(line)
    with (state / "logging" / "secundus.jsonl").open("ab") as log:
        log.write(line)
    snapshot = Records(state).read()
    assert snapshot.lines == 6
    assert snapshot.entries[-1].clauses == []
    assert "workload-vm" in [run.vm for run in snapshot.runs]


def test_a_folder_with_nothing_in_it_shows_nothing(tmp_path: Path) -> None:
    snapshot = Records(tmp_path).read()
    assert (snapshot.parties, snapshot.runs, snapshot.decisions, snapshot.entries) == ((), (), (), ())
    write_documents(tmp_path, "compute.instances", {VM: {"id": "1"}, "odd": {"id": "2"}})
    assert Records(tmp_path).read().runs == ()
