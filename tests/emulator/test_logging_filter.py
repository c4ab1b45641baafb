"""The query language of Cloud Logging: what it finds, and what it says that it does not understand."""

from __future__ import annotations

import pytest

from emulator.errors import GoogleError
from emulator.logging_filter import parse_filter

ENTRY = {
    "logName": "projects/secundus/logs/confidential-space-launcher",
    "timestamp": "2027-01-15T08:00:00.123456Z",
    "severity": "WARNING",
    "resource": {"type": "gce_instance", "labels": {"instance_id": "17"}},
    "jsonPayload": {"MESSAGE": "workload task ended (1)", "_HOSTNAME": "vm"},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "resource.type=gce_instance",
        'resource.type = "gce_instance"',
        "resource.labels.instance_id=17",
        'logName="projects/secundus/logs/confidential-space-launcher"',
        "severity>=INFO",
        "severity>NOTICE AND severity<ERROR",
        "severity != error",
        'timestamp>="2027-01-15T07:00:00Z"',
        'timestamp>="2027-01-15T09:00:00+01:00"',
        "timestamp<2027-01-15T08:00:01Z",
        'jsonPayload.MESSAGE:"TASK ended"',
        'jsonPayload.MESSAGE=~"^workload.*\\(1\\)$"',
        'jsonPayload.MESSAGE!~"^launcher"',
        "jsonPayload._HOSTNAME:*",
        "jsonPayload:vm",
        "workload",
        '"task ended"',
        "workload task",
        "NOT elsewhere",
        "-elsewhere -severity=ERROR",
        "absent!=x",
        "(severity=ERROR OR severity=WARNING) resource.type=gce_instance",
        "severity=ERROR OR workload",
    ],
)
def test_it_finds(text: str) -> None:
    assert parse_filter(text)(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "resource.type=k8s",
        "severity>=ERROR",
        "severity=ERROR workload",
        "NOT workload",
        "-severity=WARNING",
        "absent:*",
        "absent=x",
        'timestamp>="2027-01-15T08:00:01Z"',
        'jsonPayload.MESSAGE=~"^task"',
        "(workload AND elsewhere) OR nothing",
    ],
)
def test_it_does_not_find(text: str) -> None:
    assert not parse_filter(text)(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "(",
        ")",
        "a AND",
        "AND a",
        "a=",
        "=a",
        "a = (b)",
        "log_id(x)",
        'a="b',
        "a=~[",
        "(" * 99 + "a" + ")" * 99,
    ],
)
def test_what_is_not_understood_is_told_and_not_forgotten(text: str) -> None:
    with pytest.raises(GoogleError, match="does not have the filter"):
        parse_filter(text)


def test_a_time_that_is_none_is_told() -> None:
    with pytest.raises(GoogleError, match="does not have the time"):
        parse_filter("timestamp>yesterday")(ENTRY)
