"""Whole jobs, as the launcher runs them: `python -m workload` in front of the emulator, bad input and good.

Every refusal is one line with a hint, has its exit code, is in the operator's `error.json`, loses
no results, and never gets as far as importing TensorFlow (whose place a trap has taken).
"""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from attestation.errors import ExitCode
from contract.parts import parse_part
from contract.results import JobError
from deploy.provisioning import ensure
from emulator.faults import trouble, write_faults
from tests.launches import DIGEST
from tests.workload.jobs import Stage
from tests.workload.samples import FACTS, archive, grey_16_bit, header_of_a_png, jpeg, picture

PICTURES = {
    "cat.png": picture((255, 0, 0)),
    "empty.jpg": b"",
    "letter.jpg": b"Dear Sir or Madam,",
    "cut.jpg": jpeg()[:-20],
    "cmyk.jpg": jpeg("CMYK"),
    "deep.png": grey_16_bit(),
    "moving.gif": picture((0, 255, 0), format="GIF"),
    "huge.png": header_of_a_png(20_000, 20_000),
    "grün 😀 \u2028.PNG": picture((0, 255, 0)),
}


def test_a_job_ends_well_though_sts_failed_twice_and_half_the_pictures_are_bad(stage: Stage) -> None:
    for name, data in PICTURES.items():
        stage.photos.blob(f"many/{name}").upload_from_string(data)
    write_faults(stage.emulator.folder, trouble("sts", "503", times=2))
    environment = {"INPUT_URI": f"gs://{stage.photos.name}/many", "TOP_K": "1"}
    ended = stage.job(environment=environment, tensorflow=True).run()
    assert ended.status == ExitCode.YES, ended.lines
    assert sorted(ended.written) == ["job.json", "receipt.json", "result", "result-00000.jsonl"]
    part = parse_part(ended.written["result-00000.jsonl"].encode(), where="it")
    rows = [json.loads(line) for line in part.rows]
    assert [row["image"] for row in rows] == sorted((f"many/{name}" for name in PICTURES), key=str.encode)
    said = {row["image"].removeprefix("many/"): row for row in rows}
    assert {name: row["error"]["code"] for name, row in said.items() if "error" in row} == {
        "empty.jpg": "empty",
        "letter.jpg": "not-a-picture",
        "cut.jpg": "undecodable",
        "huge.png": "too-large",
    }
    assert {
        name: row["top_k_predictions"][0]["label"] for name, row in said.items() if "error" not in row
    } == {
        "cat.png": "red",
        "cmyk.jpg": "red",
        "deep.png": "black",
        "moving.gif": "green",
        "grün 😀 \u2028.PNG": "green",
    }
    assert said["cat.png"]["predicted_class"] == 0
    lines = ended.written["result"].splitlines()
    assert len(lines) == len(PICTURES)
    assert ast.literal_eval(lines[0].partition(", Response: ")[2])["predicted_class"] == 0
    assert [line["step"] for line in ended.lines if "step" in line] == [
        *("attest", "impersonate", "fetch", "verify", "load", "infer", "write", "seal")
    ]
    progress, written, _sealed, timings = ended.lines[-4:]
    assert progress["done"] == progress["total"] == len(PICTURES)
    assert written["message"].endswith("could not be read: 4")
    assert timings["message"] == "timings"
    steps = timings["steps"]
    assert set(steps) == {
        *("start", "import", "list", "machine", "admission"),
        *("token", "take_over", "fetch", "unpack", "load", "write", "infer", "seal"),
    }
    for in_turn in (["list", "fetch", "unpack", "load", "infer"], ["admission", "fetch"]):
        assert all(steps[one][1] <= steps[next_one][0] for one, next_one in pairwise(in_turn))
    assert max(steps["import"][0], steps["admission"][0]) <= steps["list"][1]  # beside one another
    assert steps["import"][1] <= steps["load"][0]
    assert steps["infer"][0] <= timings["first_row_s"] <= steps["infer"][1] <= timings["whole_s"]
    assert not list((stage.folder).rglob("scratch/*"))


ANOTHER_IMAGE = replace(FACTS, image_digest=DIGEST[:-1] + "0")
SOUND = archive({"saved_model.pb": b"graph"})


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"socket": False}, ExitCode.MISCONFIGURED, "neither the launcher's socket nor its token file"),
        (
            {"facts": replace(FACTS, image_digest=DIGEST[:-1] + "0")},
            ExitCode.REFUSED,
            "by the attribute condition",
        ),
        ({"uploaded": SOUND}, ExitCode.REFUSED, "not the one that this image was published for"),
        ({"model": SOUND[:-20]}, ExitCode.MISCONFIGURED, "truncated"),
        ({"model": b"not an archive"}, ExitCode.MISCONFIGURED, "not a tar archive"),
        ({"model": archive({"../x": b""})}, ExitCode.MISCONFIGURED, "outside its folder"),
        ({"model": archive({"labels.txt": b""})}, ExitCode.MISCONFIGURED, "holds no model"),
        (
            {"environment": {"INPUT_URI": "gs://photos-of-secundus/none"}},
            ExitCode.MISCONFIGURED,
            "no picture",
        ),
        ({"environment": {"INPUT_URI": "gs://not-a-bucket-of-mine/x"}}, None, "gs://not-a-bucket-of-mine/"),
        ({"environment": {"TOP_K": "1000000"}}, ExitCode.MISCONFIGURED, "more than the owner's terms allow"),
        ({"environment": {"TOP_K": "abc"}}, ExitCode.MISCONFIGURED, "TOP_K `abc`"),
        ({"edit": lambda terms: terms + "\n[surprise]\n"}, ExitCode.MISCONFIGURED, "unknown key `surprise`"),
        (
            {"edit": lambda terms: terms.replace("format = 1", "format = 2")},
            ExitCode.MISCONFIGURED,
            "`format` in the terms is `2`; this program reads 1 alone",
        ),
        ({"edit": lambda terms: terms.replace("primus-sa@", "nobody@")}, ExitCode.REFUSED, "may not be used"),
        (
            {"edit": lambda terms: terms.replace("primus-wip-provider", "another")},
            ExitCode.MISCONFIGURED,
            "STS refuses",
        ),
        (
            {"edit": lambda terms: terms.replace("gs://primus-input-bucket", "gs://primus-nothing")},
            None,
            "the owner's model",
        ),
    ],
)
def test_a_refused_job_says_why_in_one_line_and_leaves_error_json(
    stage: Stage, change: dict[str, Any], status: ExitCode | None, said: str
) -> None:
    ended = stage.job(**change).run()
    last = ended.lines[-1]
    assert said in last["message"]
    assert "\n" not in last["message"]
    assert last["hint"]
    assert ended.status == last["exit_code"]
    assert ended.status == status or (status is None and ended.status in (4, 7))
    assert ended.written.keys() == {"error.json"}
    refused = said in ("by the attribute condition", "may not be used", "STS refuses")
    claims = next((line["claims"] for line in ended.lines if "claims" in line), None)
    assert (claims is not None) == refused
    told = {name: last[name] for name in ("family", "message", "hint", "code")}
    error = JobError(**told, claims=claims)
    assert ended.error == error
    assert ended.errors == ""
    assert sum(line["severity"] == "ERROR" for line in ended.lines) == 1
    assert str(stage.folder) not in json.dumps(ended.lines)


def test_a_denial_names_the_command_that_explains_it(stage: Stage) -> None:
    ended = stage.job(facts=ANOTHER_IMAGE).run()
    assert "The given credential is rejected by the attribute condition." in ended.error.message
    assert ended.error.claims is not None
    assert ended.error.claims["submods"]["container"]["image_digest"] == ANOTHER_IMAGE.image_digest
    assert "eyJ" not in json.dumps(ended.lines) + json.dumps(ended.written)  # how every token begins
    assert "symbolon auditor explain" in ended.error.hint


def test_what_google_would_answer_is_not_known_and_ends_the_job_with_6(stage: Stage) -> None:
    unread = "assertion.sub.matches('\\\\p{Gr' + 'eek}|.')"
    condition = f"{stage.provider.condition} && {unread}"
    ensure(stage.owner_api, replace(stage.provider, condition=condition))
    try:
        ended = stage.job().run()
    finally:
        ensure(stage.owner_api, stage.provider)
    assert ended.status == ExitCode.UNKNOWN
    assert "The emulator does not know what Google would answer" in ended.error.message
    entries = (stage.emulator.folder / "audit.jsonl").read_text().splitlines()
    asked = [entry for entry in entries if "emulator_unknown" in entry]
    assert len(asked) == 1  # nobody asks again what nobody knows


def test_an_older_launcher_that_has_no_socket_cannot_have_results_proved(stage: Stage) -> None:
    ended = stage.job(token=stage.verifier.mint(FACTS), socket=False).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert "this launcher has no socket" in ended.error.message


def test_results_of_another_program_are_neither_overwritten_nor_mixed(stage: Stage) -> None:
    job = stage.job()
    stage.results.blob(f"{job.name}/result-00000.jsonl").upload_from_string("another job's")
    ended = job.run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert "holds 1 part without a `job.json`" in ended.error.message
    assert f"`symbolon operator results clear {job.result_uri}`" in ended.error.hint
    assert ended.written.keys() == {"error.json", "result-00000.jsonl"}
    assert ended.written["result-00000.jsonl"] == "another job's"


def test_without_a_place_for_results_the_log_alone_says_why(stage: Stage) -> None:
    ended = stage.job(environment={"RESULT_URI": "nowhere"}).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert [line["severity"] for line in ended.lines] == ["ERROR"]
    assert ended.written == {}


def test_the_shapes_of_a_model_that_does_not_fit_are_not_in_the_operators_bucket(stage: Stage) -> None:
    ended = stage.job(edit=lambda terms: terms.replace("height = 8", "height = 9"), tensorflow=True).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert "float32[n, 8, 8, 3]" in ended.lines[-1]["message"]
    assert "float32[n, 9, 8, 3]" in ended.lines[-1]["message"]
    assert ended.error.message == "the model does not fit the owner's terms"


def test_a_missing_scale_is_tried_on_one_photo_for_the_owner_and_nothing_is_inferred(stage: Stage) -> None:
    job = stage.job(edit=lambda terms: terms.replace("scale = 0.00392156862745098", ""), tensorflow=True)
    ended = job.run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert set(ended.written) == {"error.json", "job.json"}
    assert ended.error.message == "the owner's terms do not say what the model is fed"
    (line,) = (line for line in ended.lines if line.get("severity") == "ERROR")
    # A red photo; the model's scores are its mean colours.
    assert (
        "do not say `input.scale`; the model's signature takes float32, and with the operator's first photo"
        in line["message"]
    )
    assert "best score is 1.00 fed `mean = [0, 0, 0]` and `scale = 1`, 0." in line["message"]
    again = job.run()
    assert again.lines[-1]["message"] == "the terms do not say `input.scale`"  # no folder is guessed at twice


def test_a_missing_scale_is_said_though_nothing_can_be_tried(stage: Stage) -> None:
    ended = stage.job(model=b"", edit=lambda terms: terms.replace("scale = 0.00392156862745098", "")).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert ended.lines[-1]["message"] == "the terms do not say `input.scale`"


def test_a_bug_leaves_nothing_but_its_kind_and_place(stage: Stage) -> None:
    # The trap where TensorFlow is loaded from stands for any bug: a failure of no family of ours.
    ended = stage.job().run()
    assert ended.status == ExitCode.BUG
    assert ended.error.family == "bug"
    assert ended.error.message == "the workload failed unexpectedly"
    assert "OSError" in ended.lines[-1]["message"]
    assert "libtensorflow" not in json.dumps(ended.lines)
    assert ended.errors == ""
