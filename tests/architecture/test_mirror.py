"""Every module is tested where its path says, or through a file that is named here."""

from __future__ import annotations

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")
ENTRANCES = ("__init__.py", "__main__.py")
DATA = {
    "emulator/places.py": "the names of Google's regions and zones",
    "policy/rule_slugs.py": "a list, which tests/policy/test_linting.py compares with the rules",
    "policy/claim_types.py": "the types of policy/schema.py",
    "policy/schema.py": "the vocabulary of a token, which real tokens are held against",
}
"""Nothing in them decides; the words beside each say what they are."""

TESTED_THROUGH: dict[str, tuple[str, ...]] = {
    "tests/policy/cel/test_parser.py": ("policy/cel/hints.py", "policy/cel/lexer.py", "policy/cel/syntax.py"),
    "tests/policy/cel/test_evaluator.py": (
        "policy/cel/arithmetic.py",
        "policy/cel/closures.py",
        "policy/cel/comprehensions.py",
        "policy/cel/condition.py",
        "policy/cel/functions.py",
        "policy/cel/values.py",
        "policy/cel/paths.py",
    ),
    "tests/policy/cel/test_regular_expressions.py": (
        "policy/cel/character_sets.py",
        "policy/cel/matching.py",
        "policy/cel/patterns.py",
    ),
    "tests/policy/test_attribute_conditions.py": ("policy/cel/templates.py",),
    "tests/policy/test_reviewing.py": ("policy/admitting.py",),
    "tests/policy/test_linting.py": (
        "policy/proving/inquiry.py",
        "policy/context.py",
        "policy/findings.py",
        "policy/rules/by_admission.py",
        "policy/rules/by_type.py",
        "policy/waivers.py",
    ),
    "tests/policy/test_launch_spec.py": ("policy/go_text.py",),
    "tests/policy/test_launching.py": ("policy/launch_claims.py",),
    "tests/policy/test_explaining.py": ("policy/reasons.py",),
    "tests/policy/test_documents.py": ("policy/plain_yaml.py",),
    "tests/policy/test_provider.py": ("policy/issuers.py",),
    "tests/policy/proving/test_normalising.py": ("policy/normalising.py",),
    "tests/policy/proving/test_prover.py": (
        "policy/proving/asking.py",
        "policy/proving/budget.py",
        "policy/proving/named_questions.py",
        "policy/proving/question_names.py",
        "policy/proving/smt/admission.py",
        "policy/proving/smt/questions.py",
        "policy/proving/smt/solver.py",
        "policy/proving/smt/tokens.py",
    ),
    "tests/policy/proving/test_generating_tests.py": ("policy/proving/neighbours.py",),
    "tests/policy/proving/test_values.py": ("policy/proving/smt/enumerating.py",),
    "tests/policy/proving/test_against_evaluator.py": (
        "policy/proving/smt/circuit.py",
        "policy/proving/smt/claims.py",
        "policy/proving/smt/demands.py",
        "policy/proving/smt/encoding.py",
        "policy/proving/smt/equality.py",
        "policy/proving/smt/functions.py",
        "policy/proving/smt/labels.py",
        "policy/proving/smt/members.py",
        "policy/proving/smt/scopes.py",
        "policy/proving/smt/texts.py",
        "policy/proving/smt/values.py",
    ),
    "tests/policy/proving/smt/test_strings.py": (
        "policy/proving/smt/machines.py",
        "policy/proving/smt/regular.py",
    ),
    "tests/symbolon/auditor/test_image.py": (
        "symbolon/auditor/auditing.py",
        "symbolon/auditor/image_arguments.py",
        "symbolon/auditor/image_order.py",
        "symbolon/auditor/image_report.py",
        "symbolon/auditor/image_sources.py",
    ),
    "tests/symbolon/auditor/test_log.py": (
        "symbolon/auditor/log_arguments.py",
        "symbolon/auditor/log_checks.py",
        "symbolon/auditor/log_reading.py",
    ),
    "tests/release/log/test_appending.py": ("release/log/not_whole.py",),
    "tests/release/log/test_witness.py": ("release/log/timed_session.py",),
    "tests/policy/rules/test_one_shape_of_two.py": ("policy/shapes.py",),
    "tests/workload/test_refusals.py": (
        "workload/beginning.py",
        "workload/environment.py",
        "workload/program.py",
    ),
    "tests/workload/test_credentials.py": ("workload/container.py",),
    "tests/workload/test_pipeline.py": (
        "workload/stages/batches.py",
        "workload/stages/decodes.py",
        "workload/stages/reads.py",
        "workload/stages/workers.py",
        "workload/pictures/listing.py",
    ),
    "tests/workload/pictures/test_resizing.py": ("workload/pictures/sampling.py",),
    "tests/workload/runtimes/test_runtimes.py": ("workload/runtimes/signature.py",),
    "tests/emulator/iam/test_authorization.py": ("emulator/access_tokens.py",),
    "tests/emulator/iam/test_service_accounts.py": (
        "emulator/iam/account_requests.py",
        "emulator/signing.py",
        "emulator/iam/iam_credentials.py",
    ),
    "tests/emulator/iam/test_workload_identity_pools.py": ("emulator/iam/pool_requests.py",),
    "tests/emulator/test_registry.py": (
        "emulator/artifact_registry.py",
        "emulator/registry_access.py",
        "emulator/registry_images.py",
        "emulator/repository_requests.py",
    ),
    "tests/emulator/test_verifier.py": ("emulator/attestation_authority.py", "emulator/keys.py"),
    "tests/emulator/test_gateway.py": (
        "emulator/address.py",
        "emulator/certificates.py",
        "emulator/grpc_refusal.py",
    ),
    "tests/clients/test_gcloud.py": ("emulator/gcloud_folder.py",),
    "tests/emulator/test_running.py": ("emulator/server.py", "emulator/state.py"),
    "tests/emulator/test_projects.py": ("emulator/bodies.py", "emulator/errors.py"),
    "tests/emulator/compute/test_instances.py": (
        "emulator/compute/catalogue.py",
        "emulator/compute/catalogue_requests.py",
        "emulator/compute/fleet.py",
        "emulator/compute/instance_requests.py",
        "emulator/compute/lists.py",
        "emulator/compute/rendering.py",
        "emulator/pages.py",
    ),
    "tests/emulator/kms/test_crypto_keys.py": ("emulator/kms/errors.py", "emulator/kms/keys.py"),
    "tests/emulator/storage/test_access.py": (
        "emulator/storage/buckets.py",
        "emulator/storage/core.py",
        "emulator/storage/errors.py",
        "emulator/storage/paging.py",
    ),
    "tests/emulator/storage/test_fields.py": ("emulator/storage/calls.py",),
    "tests/emulator/storage/test_objects.py": (
        "emulator/storage/media.py",
        "emulator/storage/writing.py",
    ),
    "tests/emulator/storage/test_uploads.py": (
        "emulator/storage/resumable.py",
        "emulator/storage/xml_multipart.py",
    ),
    "tests/emulator/vm/test_a_launch.py": ("emulator/vm/attesting.py",),
    "tests/emulator/vm/test_sandbox.py": ("emulator/vm/relay.py",),
    "tests/emulator/vm/test_runc.py": ("emulator/vm/loopback.py",),
    "tests/emulator/vm/test_metadata.py": ("emulator/background.py",),
    "tests/deploy/test_observing.py": ("deploy/rest.py",),
    "tests/release/test_server.py": ("release/health.py",),
    "tests/release/test_folder.py": ("release/making.py",),
    "tests/release/test_rotating.py": ("release/renewing_tls.py",),
    "tests/release/master_key/test_by_file.py": ("release/master_key/wrapping.py",),
    "tests/release/master_key/test_by_kms.py": ("release/master_key/opening.py",),
    "tests/symbolon/broker/test_broker.py": (
        "release/summary.py",
        "symbolon/broker/backup.py",
        "symbolon/broker/database.py",
        "symbolon/broker/init.py",
        "symbolon/broker/migrate.py",
        "symbolon/broker/reaching.py",
        "symbolon/broker/restore.py",
        "symbolon/broker/rotate.py",
        "symbolon/broker/serve.py",
        "symbolon/broker/status.py",
    ),
    "tests/symbolon/test_main.py": (
        "symbolon/arguments.py",
        "symbolon/auditor/arguments.py",
        "symbolon/broker/arguments.py",
        "symbolon/owner/arguments.py",
        "symbolon/doctor/arguments.py",
        "symbolon/owner/provision_arguments.py",
        "symbolon/operator/provision_arguments.py",
        "symbolon/provision_arguments.py",
        "symbolon/owner/model_arguments.py",
        "symbolon/demo/arguments.py",
        "symbolon/emulator/arguments.py",
        "symbolon/operator/arguments.py",
    ),
    "tests/symbolon/doctor/test_command.py": (
        "symbolon/doctor/checks.py",
        "symbolon/doctor/examining.py",
    ),
    "tests/symbolon/test_provisioning.py": (
        "symbolon/operator/provision.py",
        "symbolon/owner/provision.py",
        "deploy/permissions.py",
    ),
    "tests/symbolon/operator/test_launching.py": (
        "symbolon/operator/agreeing.py",
        "symbolon/operator/ending.py",
    ),
    "tests/symbolon/operator/test_preflight.py": (
        "symbolon/operator/answers.py",
        "symbolon/operator/foreseeing.py",
        "symbolon/operator/launch_arguments.py",
        "symbolon/operator/machine.py",
        "symbolon/operator/moving.py",
        "symbolon/operator/reaching.py",
    ),
    "tests/symbolon/owner/test_init.py": (
        "symbolon/owner/class_names.py",
        "symbolon/owner/documents.py",
        "symbolon/owner/identities.py",
        "symbolon/owner/photos.py",
        "symbolon/owner/reading_models.py",
        "symbolon/steps.py",
        "symbolon/owner/trying.py",
    ),
    "tests/symbolon/owner/test_publish.py": ("symbolon/owner/attach.py", "symbolon/owner/publish_order.py"),
    "tests/symbolon/owner/test_licence_selling.py": (
        "symbolon/owner/desk.py",
        "symbolon/owner/licence_arguments.py",
        "symbolon/owner/licence_showing.py",
        "symbolon/owner/licence_words.py",
    ),
    "tests/symbolon/owner/test_approving.py": (
        "symbolon/owner/changes.py",
        "symbolon/owner/order_arguments.py",
        "symbolon/owner/order_bodies.py",
        "symbolon/owner/ordering.py",
    ),
    "tests/symbolon/owner/test_protect.py": ("symbolon/owner/model_bucket.py", "symbolon/owner/uploading.py"),
    "tests/symbolon/owner/test_protect_brokered.py": ("symbolon/owner/key_holders.py",),
    "tests/symbolon/owner/test_protect_sealed.py": (
        "deploy/key_wrapping.py",
        "symbolon/owner/sealing_arguments.py",
    ),
    "tests/symbolon/auditor/test_prove.py": ("symbolon/auditor/values.py",),
    "tests/symbolon/auditor/test_receipt.py": (
        "symbolon/auditor/receipt_checks.py",
        "symbolon/auditor/receipt_results.py",
        "symbolon/auditor/receipt_roots.py",
    ),
    "tests/symbolon/auditor/test_explain.py": (
        "symbolon/handed_tokens.py",
        "symbolon/judging.py",
        "symbolon/policies.py",
    ),
    "tests/symbolon/auditor/test_review.py": (
        "symbolon/policy_files.py",
        "symbolon/progress.py",
        "symbolon/reports/entries.py",
    ),
    "tests/symbolon/test_error_codes.py": ("symbolon/rule_pages.py",),
    "tests/symbolon/demo/test_model.py": ("symbolon/demo/efficientnet_lite0.py", "symbolon/demo/photos.py"),
    "tests/symbolon/demo/test_rendering.py": ("symbolon/demo/command.py", "symbolon/demo/events.py"),
    "tests/release/test_releasing.py": ("release/broker.py",),
    "tests/release/store/test_migrating.py": (
        "release/store/migrations/env.py",
        "release/store/migrations/versions/r0001.py",
        "release/store/schema.py",
    ),
    "tests/journeys/test_demo.py": (
        "symbolon/demo/cast.py",
        "symbolon/demo/documents.py",
        "symbolon/demo/licensing.py",
        "symbolon/demo/sealing.py",
        "symbolon/demo/story.py",
        "symbolon/owner/on_stage.py",
        "symbolon/stage.py",
    ),
    "tests/symbolon/reports/test_reports.py": (
        "symbolon/reports/differences.py",
        "symbolon/reports/human.py",
        "symbolon/reports/markdown.py",
        "symbolon/reports/report.py",
        "symbolon/reports/web_page.py",
    ),
}
"""A file of tests, and the modules that are parts of what it tests."""

STARTED = ("emulator", "symbolon", "workload")
"""Rooms with programs, which tests start instead of importing them."""

IN_A_PROCESS_OF_THEIR_OWN = {
    "emulator/vm/loopback.py": "started by runc.py, in a network of its own",
    "emulator/vm/relay.py": "started by the sandbox, inside a container",
    "symbolon/demo/efficientnet_lite0.py": "started by the demo, beside TensorFlow",
}


def mirrored(module: str) -> Path:
    path = Path(module)
    return ROOT / "tests" / path.parent / f"test_{path.name}"


MODULES = sorted(
    str(path.relative_to(ROOT))
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if path.name not in ENTRANCES
)
THROUGH = {module: test for test, modules in TESTED_THROUGH.items() for module in modules}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_tests(module: str) -> None:
    own = mirrored(module)
    where = [own.is_file(), module in THROUGH, module in DATA]
    assert any(where), f"write {own.relative_to(ROOT)}, or say in {Path(__file__).name} what tests it"
    assert sum(where) == 1, f"it has tests of its own: take it out of the tables of {Path(__file__).name}"


def test_the_tables_name_what_is_there_and_each_once() -> None:
    assert {*THROUGH, *DATA} - set(MODULES) == set()
    assert sum(map(len, TESTED_THROUGH.values())) == len(THROUGH)
    assert [test for test in TESTED_THROUGH if not (ROOT / test).is_file()] == []


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, cache_dir=None)


@pytest.mark.parametrize("test", TESTED_THROUGH)
def test_a_file_reaches_the_modules_that_it_is_said_to_test(test: str, graph: grimp.ImportGraph) -> None:
    """By what it names or starts, or a `conftest.py` beside or above it does."""
    path = ROOT / test
    beside = [folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT / "tests")]
    files = [path, *(each for each in beside if each.is_file())]
    text = "\n".join(each.read_text(encoding="utf-8") for each in files)
    named = set(re.findall(rf"\b(?:{'|'.join(ROOMS)})(?:\.\w+)+", text))
    for package, names in re.findall(r"^from ([\w.]+) import ([\w, ]+)$", text, re.MULTILINE):
        named |= {f"{package}.{name.strip()}" for name in names.split(",")}
    named |= {f"{room}.__main__" for room in STARTED if re.search(rf"\b{room}\b", text)}
    roots = named & graph.modules
    reached = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    asked = set(TESTED_THROUGH[test]) - IN_A_PROCESS_OF_THEIR_OWN.keys()
    assert {_name(module) for module in asked} - reached == set()


def _name(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".")


def test_no_slow_file_is_named_that_is_gone() -> None:
    lines = (ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()
    named = [line.split()[1] for line in lines if not line.startswith("#")]
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
