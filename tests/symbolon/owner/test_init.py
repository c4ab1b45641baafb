"""`symbolon owner init`: from a model's files, and what its owner says, to terms that fit it."""

from __future__ import annotations

import functools
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import ExitCode
from contract.terms import parse_terms
from policy.policy_file import parse_policy
from symbolon.owner import init as program
from symbolon.owner.asking import Asker
from symbolon.owner.packing import measure, packing_of
from symbolon.owner.reading_models import look
from tests.symbolon.conftest import Answered, Ask
from tests.symbolon.owner.conftest import NAMES
from tests.workload.samples import LABELS

Init = Callable[..., Answered]


@pytest.fixture(autouse=True)
def nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))


_look = functools.cache(look)


@pytest.fixture(autouse=True)
def a_model_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process of its own, which takes a second and more."""
    monkeypatch.setattr(program, "look", _look)


@pytest.fixture
def init(ask: Ask, colours: Path, tmp_path: Path) -> Init:
    """With everything said that no file can know, unless an option says otherwise."""

    def call(*options: str | Path, model: Path = colours, said: tuple[str, ...] = NAMES) -> Answered:
        return ask("owner", "init", model, "--output", tmp_path / "mine", *said, *options)

    return call


FED = ("--convention", "unit", "--scores", "softmax")


def test_what_is_written_fits_the_model_and_says_what_was_said(
    init: Init, colours: Path, tmp_path: Path
) -> None:
    labels = colours.parent / "names.txt"
    answered = init(*FED, "--labels", labels, "--largest-top-k", "2", "--score-digits", "3")
    assert answered.code == 0, answered.err
    text = (tmp_path / "mine" / "terms.toml").read_text()
    terms = parse_terms(text)
    assert (terms.input.tensor, terms.input.height, terms.input.width) == ("images", 8, 8)
    assert (terms.input.mean, terms.input.scale, terms.input.channels) == ((0, 0, 0), 1 / 255, "rgb")
    assert (terms.output.tensor, terms.output.scores, terms.output.labels) == (
        "logits",
        "softmax",
        "labels.txt",
    )
    assert (terms.egress.largest_top_k, terms.egress.score_digits) == (2, 3)
    assert str(terms.model.uri) == "gs://primus-input-bucket/model.tar"
    assert terms.model.generation is None
    assert terms.credential.service_account == "primus-sa@primus.iam.gserviceaccount.com"
    assert "projects/100000000001/" in terms.credential.audience
    assert "# the operator may ask for fewer" in text
    assert "takes      images float32[n, 8, 8, 3]" in answered.out


def test_the_policy_admits_nobody_before_an_image_is_there(init: Init, tmp_path: Path) -> None:
    init(*FED)
    policy = parse_policy((tmp_path / "mine" / "policy.toml").read_text())
    assert policy.conditions.what.image_digests == ("sha256:" + "0" * 64,)
    assert policy.conditions.who.service_accounts == ("workload-sa@secundus.iam.gserviceaccount.com",)
    assert policy.name in parse_terms((tmp_path / "mine" / "terms.toml").read_text()).credential.audience


def test_the_photos_show_the_conventions_beside_one_another(
    init: Init, colours: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("no photo")
    labels = colours.parent / "names.txt"
    answered = init("--photos", photos, "--labels", labels, "--convention", "unit")
    assert answered.code == 0, answered.err
    lines = answered.out.splitlines()
    green = lines.index("green.png")
    assert [line.split()[:3] for line in lines[green + 1 : green + 5]] == [
        ["unit", "green", "0.43"],
        ["signed", "green", "0.53"],
        ["lite", "green", "0.53"],
        ["raw", "green", "1.00"],
    ]
    assert "broken.png: the object is no JPEG, PNG, GIF, BMP or WebP" in lines
    assert "notes.txt" not in answered.out
    assert "surest of itself: raw" in answered.out
    assert parse_terms((tmp_path / "mine" / "terms.toml").read_text()).output.scores == "softmax"


def test_a_program_reads_the_same(init: Init, colours: Path, photos: Path) -> None:
    labels = colours.parent / "names.txt"
    answered = init("--photos", photos, "--labels", labels, "--convention", "unit", "--format", "json")
    assert answered.json["written"] == ["terms.toml", "policy.toml", "owner.toml"]
    best = {
        (row["photo"], row["convention"]): row["best"][0]["label"]
        for row in answered.json["tried"]
        if row["convention"] in ("unit", "caffe")
    }
    assert best[("red.png", "unit")] == "red"
    assert best[("red.png", "caffe")] == "blue"  # which comes first there
    assert len(best) == 6


def test_nothing_is_asked_of_a_pipe_and_all_that_is_missing_is_named(init: Init, tmp_path: Path) -> None:
    answered = init(said=())
    assert answered.code == ExitCode.MISCONFIGURED
    for flag in ("--convention", "--scores", "--project ID", "--project-number", "--operator-account"):
        assert flag in answered.err
    assert not (tmp_path / "mine").exists()


def test_a_person_is_asked_what_no_file_can_know(
    init: Init,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = [
        "no such file",
        "none",
        "nonsense",
        "signed",
        "primus",
        "100000000001",
        "op@x.iam.gserviceaccount.com",
        "",
        "2",
        "",
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(answers) + "\n"))
    monkeypatch.setattr(program, "Asker", lambda: Asker(is_person=True))
    answered = init("--photos", photos, said=())
    assert answered.code == 0, answered.err
    assert "`no such file` will not do: the path of a file, or `none`" in answered.err
    assert "`nonsense` will not do: one of unit, signed" in answered.err
    terms = parse_terms((tmp_path / "mine" / "terms.toml").read_text())
    assert terms.input.mean == (127.5, 127.5, 127.5)
    assert (terms.egress.largest_top_k, terms.egress.score_digits) == (4, 2)


def test_a_second_run_changes_nothing_and_keeps_the_owner_s_own_words(init: Init, tmp_path: Path) -> None:
    init(*FED)
    for name in ("terms.toml", "policy.toml"):
        file = tmp_path / "mine" / name
        file.write_text("# mine\n" + file.read_text())
    before = {file.name: file.read_text() for file in (tmp_path / "mine").iterdir()}
    answered = init(*FED)
    assert answered.code == 0
    assert answered.out.count("stands  ") == 3
    assert {file.name: file.read_text() for file in (tmp_path / "mine").iterdir()} == before


def test_what_is_there_and_says_something_else_is_shown_and_written_by_force_alone(
    init: Init, tmp_path: Path
) -> None:
    init(*FED)
    terms = tmp_path / "mine" / "terms.toml"
    before = terms.read_text()
    differs = ("--convention", "signed", "--scores", "softmax")
    answered = init(*differs)
    assert answered.code == ExitCode.MISCONFIGURED
    assert "-mean = [0.0, 0.0, 0.0]\n+mean = [127.5, 127.5, 127.5]" in answered.out
    assert "--force" in answered.err
    assert terms.read_text() == before
    assert init(*differs, "--force").code == 0
    assert parse_terms(terms.read_text()).input.mean == (127.5, 127.5, 127.5)


def test_what_protect_and_publish_have_pinned_stays(init: Init, tmp_path: Path) -> None:
    init(*FED)
    terms, policy = tmp_path / "mine" / "terms.toml", tmp_path / "mine" / "policy.toml"
    lines = terms.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("sha256 = "))
    terms.write_text("".join([*lines[: at + 1], "generation = 7\n", *lines[at + 1 :]]))
    policy.write_text(policy.read_text().replace("0" * 64, "ab" * 32))
    assert init(*FED).code == 0
    assert init("--convention", "signed", "--scores", "softmax", "--force").code == 0
    assert parse_terms(terms.read_text()).model.generation == 7
    assert parse_policy(policy.read_text()).conditions.what.image_digests == ("sha256:" + "ab" * 32,)


def test_an_archive_is_read_as_the_workload_reads_it_with_the_labels_in_it(
    init: Init, colours: Path, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "packed"
    shutil.copytree(colours, folder)
    (folder / "classes.txt").write_text("\n".join(LABELS))
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, ".")
    answered = init("--photos", photos, "--convention", "unit", model=archive)
    assert answered.code == 0, answered.err
    assert "labels     classes.txt" in answered.out
    terms = parse_terms((tmp_path / "mine" / "terms.toml").read_text())
    assert (terms.output.labels, terms.model.uri.name) == ("classes.txt", "model.tar.gz")
    assert archive.exists()


def test_an_ir_runs_by_openvino(init: Init, colours: Path, photos: Path, tmp_path: Path) -> None:
    import openvino as ov

    ir = tmp_path / "net.xml"
    ov.save_model(ov.Core().read_model(colours), ir, compress_to_fp16=False)
    answered = init("--photos", photos, "--convention", "unit", "--output-tensor", "logits", model=ir)
    assert answered.code == 0, answered.err
    terms = parse_terms((tmp_path / "mine" / "terms.toml").read_text())
    assert (terms.runtime.name, terms.runtime.precision) == ("openvino", "fp32")
    assert "runs by  openvino, fp32" in answered.out
    assert "signature" not in answered.out


def test_a_model_that_answers_with_probabilities_leaves_them_as_they_are(
    init: Init, photos: Path, tmp_path: Path
) -> None:
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([None, 8, 8, 3], tf.uint8, name="pixels")
    module.f = tf.function(
        lambda pixels: {"p": tf.nn.softmax(tf.reduce_mean(tf.cast(pixels, tf.float32), [1, 2]))},
        input_signature=[spec],
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.f)
    answered = init("--photos", photos, "--convention", "raw", model=tmp_path / "model")
    assert answered.code == 0, answered.err
    assert parse_terms((tmp_path / "mine" / "terms.toml").read_text()).output.scores == "as-is"
    assert "signed" not in answered.out  # its signature says that it takes whole numbers


@pytest.mark.parametrize(
    ("make", "said", "hint"),
    [
        (lambda folder: None, "is not there", "SavedModel's folder"),
        (lambda folder: folder.mkdir(), "is an empty folder", "SavedModel's folder"),
        (lambda folder: written(folder / "saved_model.pb", b"\xff\xff"), "no SavedModel", "again"),
        (lambda folder: written(folder / "readme.md", b"hello"), "there is no model in it", "saved_model.pb"),
    ],
)
def test_what_is_no_model_is_said_so(
    init: Init, tmp_path: Path, make: Callable[[Path], Any], said: str, hint: str
) -> None:
    make(tmp_path / "model")
    answered = init(*FED, model=tmp_path / "model")
    assert answered.code == ExitCode.MISCONFIGURED
    assert said in answered.err
    assert hint in answered.err
    assert answered.err.count("\n") == 2
    assert str(tmp_path) not in answered.err


def written(file: Path, data: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(data)


def test_a_broken_archive_is_refused_by_the_workload_s_own_words(init: Init, tmp_path: Path) -> None:
    (tmp_path / "model.tar").write_bytes(b"no archive" * 500)
    answered = init(*FED, model=tmp_path / "model.tar")
    assert answered.code == ExitCode.MISCONFIGURED
    assert "is truncated, or not a tar archive" in answered.err


def test_a_model_that_no_term_can_mend_ends_with_how_to_save_it_again(init: Init, tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    specs = [
        tf.TensorSpec([None, 3, 8, 8], tf.float32, name="x"),
        tf.TensorSpec([], tf.bool, name="training"),
    ]
    module.f = tf.function(lambda x, training: {"y": tf.reduce_mean(x, [2, 3])}, input_signature=specs)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.f)
    answered = init(*FED, model=tmp_path / "model")
    assert answered.code == ExitCode.MISCONFIGURED
    assert "NCHW" in answered.err
    assert "`training`" in answered.err
    assert "training=False" in answered.err
    assert (
        init(*FED, "--format", "json", model=tmp_path / "model").json["error"]["code"] == "model-unmendable"
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no photo in"),
        ({"notes.txt": b"x"}, "there is no photo in"),
        ({"a.png": b"none", "b.jpg": b""}, "none of the photos"),
    ],
)
def test_photos_that_are_none_are_said_so(
    init: Init, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    (tmp_path / "none").mkdir()
    for name, data in files.items():
        (tmp_path / "none" / name).write_bytes(data)
    answered = init(*FED, "--photos", tmp_path / "none")
    assert answered.code == ExitCode.MISCONFIGURED
    assert said in answered.err
    assert not (tmp_path / "mine").exists()


def test_labels_of_another_number_are_refused(init: Init, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\ngreen\n")
    answered = init(*FED, "--labels", tmp_path / "names.txt")
    assert answered.code == ExitCode.MISCONFIGURED
    assert "names 2 classes, and the model has 4" in answered.err


def test_what_runs_the_model_and_is_not_installed_is_named_with_its_environment(
    init: Init, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "simplejpeg").mkdir(parents=True)
    missing = "raise ModuleNotFoundError(\"No module named 'simplejpeg'\")"
    (tmp_path / "site" / "simplejpeg" / "__init__.py").write_text(missing)
    monkeypatch.setattr("symbolon.owner.reading_models.SOURCE", tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    answered = init(*FED, "--photos", photos)
    assert answered.code == ExitCode.MISCONFIGURED
    assert "`simplejpeg` is not installed" in answered.err
    assert "scripts/environment demo" in answered.err


def test_the_pinned_digest_is_that_of_the_archive_that_will_be_uploaded(
    init: Init, colours: Path, tmp_path: Path
) -> None:
    labels = colours.parent / "names.txt"
    init(*FED, "--labels", labels)
    terms = parse_terms((tmp_path / "mine" / "terms.toml").read_text())
    assert terms.model.sha256 == measure(packing_of(colours, labels)).digest
