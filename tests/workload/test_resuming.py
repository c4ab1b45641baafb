"""What lies in the operator's folder is taken over where it proves itself, and else named and left."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import Misconfigured, Unavailable
from contract.canonical import render_canonical
from contract.job import JobRecord, ListedPicture, job_nonce, render_job
from contract.parts import AUDIENCE as PARTS
from contract.parts import InputLeaf, Part, part_name, part_nonce, part_range, render_part
from contract.receipt import AUDIENCE, nonce_of, parse_receipt, render_receipt
from contract.request import Job, agree, parse_request
from contract.results import Prediction, Row, render_row
from contract.uris import FolderUri
from emulator import running
from emulator.verifier import Verifier
from tests.launches import DIGEST
from tests.receipts import results_of, statement_of
from tests.workload.launching import launched, verifier_of
from tests.workload.samples import FACTS, TERMS
from tests.workload.test_results import record
from workload import attesting
from workload.part_tokens import Machine
from workload.results import ResultFolder
from workload.resuming import FoundJob, find_job, has_proved_receipt, proved_parts

Buckets = Callable[[], storage.Bucket]

ANOTHER_IMAGE = replace(FACTS, image_digest=Digest(DIGEST[:-1] + "0"))
JOB, FIRST, SECOND = "job.json", part_name(0), part_name(1)


@dataclass(kw_only=True)
class Scene:
    """A folder, this machine, and others that write into the folder."""

    folder: ResultFolder
    bucket: storage.Bucket
    verifier: Verifier
    machine: Machine
    tmp_path: Path
    stack: ExitStack

    @property
    def asked(self) -> Job:
        request = {"INPUT_URI": "gs://photos", "RESULT_URI": str(self.folder.uri), "TOP_K": "2"}
        return agree(TERMS, parse_request(request))

    @property
    def job(self) -> JobRecord:
        return record(self.folder)

    def part(self, index: int, job: JobRecord, machine: Machine, *, score: float = 0.5) -> Part:
        listed = [job.pictures[place] for place in part_range(index, len(job.pictures))]
        prediction = Prediction(class_index=1, score=score, label=None)
        rows = tuple(
            render_row(
                Row(picture=one.name, generation=one.generation, predictions=(prediction,)), score_digits=3
            ).encode()
            for one in listed
        )
        inputs = tuple(InputLeaf(name=one.name, generation=one.generation, sha256="0" * 64) for one in listed)
        token = machine.ask(part_nonce(job.digest, index, inputs, rows))
        return Part(index=index, job=job.digest, rows=rows, inputs=inputs, token=token)

    def put(self, name: str, data: bytes) -> None:
        self.bucket.blob(self.folder.uri.prefix + name).upload_from_string(data)

    def write(self, job: JobRecord, *, parts: int = 2) -> None:
        """An earlier start of this image has got so far."""
        self.put(JOB, render_job(job, token=self.machine.ask(job_nonce(job.digest))))
        for index in range(parts):
            self.put(part_name(index), render_part(self.part(index, job, self.machine)))

    def found(self) -> list[Part]:
        job = find_job(self.folder, self.asked, self.machine)
        assert job is not None
        return [proved.part for proved in proved_parts(self.folder, job, self.machine)]

    def refusal(self) -> Misconfigured:
        with pytest.raises(Misconfigured) as refused:
            self.found()
        assert f"`symbolon operator results clear {self.folder.uri}`" in refused.value.hint
        assert "\n" not in refused.value.message
        return refused.value


@pytest.fixture
def scene(
    as_operator: storage.Client, make_bucket: Buckets, emulator: running.Running, tmp_path: Path
) -> Iterator[Scene]:
    bucket, verifier = make_bucket(), verifier_of(emulator)
    with ExitStack() as stack:
        yield Scene(
            folder=ResultFolder(as_operator, FolderUri(bucket=bucket.name, prefix="run/")),
            bucket=bucket,
            verifier=verifier,
            machine=stack.enter_context(launched(verifier, FACTS, tmp_path / "ours")),
            tmp_path=tmp_path,
            stack=stack,
        )


def test_an_empty_folder_has_no_job(scene: Scene) -> None:
    scene.put("notes.txt", b"not ours")
    assert find_job(scene.folder, scene.asked, scene.machine) is None


def test_what_proves_itself_is_taken_over(scene: Scene) -> None:
    scene.write(scene.job)
    parts = scene.found()
    assert [part.index for part in parts] == [0, 1]
    assert parts[0].rows == scene.part(0, scene.job, scene.machine).rows


def test_a_job_goes_on_with_smaller_batches(scene: Scene) -> None:
    scene.write(scene.job)
    smaller = replace(scene.asked, batch_size=1)
    found = find_job(scene.folder, smaller, scene.machine)
    assert found == FoundJob(record=scene.job, parts=(0, 1))


def test_a_part_that_is_missing_is_not_missed(scene: Scene) -> None:
    scene.write(scene.job)
    scene.folder.delete(FIRST)
    assert [part.index for part in scene.found()] == [1]


def test_a_part_that_somebody_deletes_while_the_job_begins_is_neither_taken_over_nor_taken_for_made(
    scene: Scene,
) -> None:
    scene.write(scene.job)
    found = find_job(scene.folder, scene.asked, scene.machine)
    assert found is not None
    scene.folder.delete(FIRST)
    with pytest.raises(Unavailable, match=f"`{FIRST}` in .* was deleted while the job began"):
        list(proved_parts(scene.folder, found, scene.machine))


def test_a_part_comes_with_the_rows_that_it_has(scene: Scene) -> None:
    scene.write(scene.job, parts=1)
    found = find_job(scene.folder, scene.asked, scene.machine)
    assert found is not None
    (proved,) = proved_parts(scene.folder, found, scene.machine)
    assert [row.picture for row in proved.rows] == [leaf.name for leaf in proved.part.inputs]


def forged_row(scene: Scene) -> bytes:
    """A better score under the token of the rows as they were."""
    genuine = render_part(scene.part(0, scene.job, scene.machine))
    forged = genuine.replace(b'"score": 0.5', b'"score": 0.9', 1)
    assert forged != genuine
    return forged


def forged_leaf(scene: Scene) -> bytes:
    """Other bytes are said to have been read."""
    return render_part(scene.part(0, scene.job, scene.machine)).replace(b"0" * 64, b"1" * 64, 1)


def of_another_token(scene: Scene) -> bytes:
    """The token is genuine, and of another part."""
    token = scene.part(1, scene.job, scene.machine).token
    return render_part(replace(scene.part(0, scene.job, scene.machine), token=token))


def swapped(scene: Scene) -> bytes:
    return render_part(scene.part(1, scene.job, scene.machine))


def swapped_and_renamed(scene: Scene) -> bytes:
    """Part 1 says that it is part 0."""
    return render_part(replace(scene.part(1, scene.job, scene.machine), index=0))


def stale(scene: Scene) -> bytes:
    """Of an earlier job in the same folder: one picture has another generation since."""
    first, *rest = scene.job.pictures
    earlier = replace(scene.job, pictures=(replace(first, generation=77), *rest))
    return render_part(scene.part(0, earlier, scene.machine))


def stale_and_relabelled(scene: Scene) -> bytes:
    earlier = replace(scene.job, top_k=1)
    return render_part(replace(scene.part(0, earlier, scene.machine), job=scene.job.digest))


def by_another_image(scene: Scene) -> bytes:
    with launched(scene.verifier, ANOTHER_IMAGE, scene.tmp_path / "another") as another:
        return render_part(scene.part(0, scene.job, another, score=1.0))


def by_a_debug_machine(scene: Scene) -> bytes:
    """Where an operator can log in, rows are whatever the operator writes."""
    with launched(scene.verifier, replace(FACTS, debug=True), scene.tmp_path / "debug") as debug:
        return render_part(scene.part(0, scene.job, debug, score=1.0))


def without_a_trailer(scene: Scene) -> bytes:
    return b"".join(scene.part(0, scene.job, scene.machine).rows)


def without_rows(_scene: Scene) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (forged_row, "does not prove itself: its token was made for something else"),
        (forged_leaf, "does not prove itself: its token was made for something else"),
        (of_another_token, "does not prove itself: its token was made for something else"),
        (swapped, "does not prove itself: it says that it is part 1"),
        (swapped_and_renamed, "does not prove itself: its rows are not those of the pictures"),
        (stale, "does not prove itself: it is of job `sha256:"),
        (stale_and_relabelled, "does not prove itself: its token was made for something else"),
        (by_another_image, "does not prove itself: its token is of another image"),
        (by_a_debug_machine, "does not prove itself: its token is of another kind of machine"),
        (without_a_trailer, "is not a part as this program writes it"),
        (without_rows, "is not a part as this program writes it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_part_that_was_planted_ends_the_job_by_its_name(
    scene: Scene, plant: Callable[[Scene], bytes], said: str
) -> None:
    scene.write(scene.job)
    scene.put(FIRST, plant(scene))
    message = scene.refusal().message
    assert f"`{FIRST}`" in message
    assert said in message


def test_a_part_beyond_the_last_one_ends_the_job(scene: Scene) -> None:
    scene.write(scene.job)
    scene.put(part_name(3), render_part(scene.part(1, scene.job, scene.machine)))
    assert "`result-00003.jsonl`" in scene.refusal().message


def job_with_another_listing(scene: Scene) -> bytes:
    job = scene.job
    more = (*job.pictures, ListedPicture(name="z.jpg", generation=1, size=1))
    return render_job(replace(job, pictures=more), token=scene.machine.ask(job_nonce(job.digest)))


def job_without_a_token(scene: Scene) -> bytes:
    return render_job(scene.job, token="")


def job_with_a_parts_token(scene: Scene) -> bytes:
    return render_job(scene.job, token=scene.part(0, scene.job, scene.machine).token)


@pytest.mark.parametrize("plant", [job_with_another_listing, job_without_a_token, job_with_a_parts_token])
def test_a_job_that_was_planted_ends_the_start(scene: Scene, plant: Callable[[Scene], bytes]) -> None:
    scene.put(JOB, plant(scene))
    assert "`job.json` in RESULT_URI" in scene.refusal().message
    assert "does not prove itself" in scene.refusal().message


def test_a_job_of_another_image_is_named(scene: Scene) -> None:
    with launched(scene.verifier, ANOTHER_IMAGE, scene.tmp_path / "another") as another:
        job = replace(scene.job, image_digest=another.image_digest)
        scene.put(JOB, render_job(job, token=another.ask(job_nonce(job.digest))))
    message = scene.refusal().message
    assert f"holds `job.json` of job `{job.digest[:19]}…`, which another image began" in message


def test_a_job_that_was_asked_for_otherwise_says_how(scene: Scene) -> None:
    scene.write(replace(scene.job, top_k=1))
    message = scene.refusal().message
    assert "holds `job.json` and 2 parts of job `sha256:" in message
    assert "was asked for with INPUT_URI `gs://photos/` and TOP_K 1" in message


def test_a_job_that_was_copied_from_another_folder_says_from_which(scene: Scene) -> None:
    scene.write(replace(scene.job, result=FolderUri(bucket="elsewhere", prefix="run/")))
    assert "which was asked for with RESULT_URI `gs://elsewhere/run/`" in scene.refusal().message


def test_a_reader_of_the_codelab_who_deletes_result_alone_is_told_what_else_lies_there(scene: Scene) -> None:
    scene.write(scene.job)
    scene.put("receipt.json", b"{}")
    message = scene.refusal().message
    assert "holds `job.json`, `receipt.json` and 2 parts of job `sha256:" in message
    assert "whose `result` is gone" in message


@pytest.mark.parametrize("name", ["result", FIRST, "receipt.json"])
def test_results_without_a_job_are_another_programs(scene: Scene, name: str) -> None:
    scene.put(name, b"kept")
    said = r"without a `job\.json`: another program's, or an older version's"
    with pytest.raises(Misconfigured, match=said) as refused:
        find_job(scene.folder, scene.asked, scene.machine)
    assert "symbolon operator results clear" in refused.value.hint
    assert scene.folder.read(name) is not None


def test_a_job_of_a_later_format_has_its_sentence(scene: Scene) -> None:
    data = render_job(scene.job, token="").replace(b'"format":1', b'"format":9')
    scene.put(JOB, data)
    assert scene.refusal().message == "`format` in `job.json` is `9`; this program reads 1 alone"


def receipt(job: JobRecord, *, audience: str = AUDIENCE, sealed: bytes | None = None) -> bytes:
    """Of that job, by this process' machine; its token is for `sealed`, if not for what it says."""
    statement = statement_of(results_of(1), 1)
    statement["predicate"]["job"]["digest"] = job.digest
    payload = render_canonical(statement)
    token = attesting.fresh_token(audience, nonces=[nonce_of(sealed or payload)])
    return render_receipt(payload, token).encode()


def test_a_job_is_finished_by_its_own_receipt(scene: Scene) -> None:
    assert not has_proved_receipt(scene.folder, scene.job, scene.machine)
    scene.put("receipt.json", receipt(scene.job))
    assert has_proved_receipt(scene.folder, scene.job, scene.machine)


def receipt_of_another_job(scene: Scene) -> bytes:
    return receipt(replace(scene.job, top_k=1))


def receipt_for_something_else(scene: Scene) -> bytes:
    return receipt(scene.job, sealed=b"{}")


def receipt_with_a_parts_token(scene: Scene) -> bytes:
    return receipt(scene.job, audience=PARTS)


def receipt_by_another_image(scene: Scene) -> bytes:
    with launched(scene.verifier, ANOTHER_IMAGE, scene.tmp_path / "another"):
        return receipt(scene.job)


def receipt_of_a_later_format(scene: Scene) -> bytes:
    payload = parse_receipt(receipt(scene.job)).payload.replace(b'"format":1', b'"format":2')
    return render_receipt(payload, attesting.fresh_token(AUDIENCE, nonces=[nonce_of(payload)])).encode()


def no_receipt(_scene: Scene) -> bytes:
    return b"{}"


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (receipt_of_another_job, "it is of job `sha256:"),
        (receipt_for_something_else, "its token was made for something else"),
        (receipt_with_a_parts_token, "the token was made for `symbolon:part:v1`"),
        (receipt_by_another_image, "its token is of another image"),
        (receipt_of_a_later_format, "the receipt is of `format` `2`"),
        (no_receipt, "the receipt does not have exactly the members"),
    ],
)
def test_a_receipt_that_was_planted_finishes_no_job(
    scene: Scene, plant: Callable[[Scene], bytes], said: str
) -> None:
    scene.put("receipt.json", plant(scene))
    with pytest.raises(Misconfigured) as refused:
        has_proved_receipt(scene.folder, scene.job, scene.machine)
    assert refused.value.message.startswith("`receipt.json` in RESULT_URI")
    assert f"does not prove itself: {said}" in refused.value.message
    assert "symbolon operator results clear" in refused.value.hint


def test_parts_are_create_only(scene: Scene) -> None:
    scene.write(scene.job, parts=1)
    with pytest.raises(Misconfigured, match="already"):
        scene.folder.create(FIRST, io.BytesIO(json.dumps({}).encode()), "application/jsonl")
