"""What `symbolon operator launch` does: look ahead, show the plan, launch once somebody agrees, and watch."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from attestation.errors import Denied, ExitCode, Misconfigured, printable
from deploy import confidential_vm
from deploy.as_gcloud import launch_command
from deploy.confidential_vm import ConfidentialVm, render_metadata
from deploy.google_api import AlreadyExists, GoogleApi

from ..progress import patience
from ..rendering import columns, console, print_json, styled
from .agreeing import agree
from .answers import EXIT_CODES
from .launch_file import Wanted
from .preflight import Preflight, look_ahead, print_preflight
from .watching import watch_vm


def launch(
    api: GoogleApi,
    wanted: Wanted,
    *,
    plan: bool,
    yes: bool,
    anyway: bool,
    detach: bool,
    output: str,
) -> ExitCode:
    """The VM was launched, and watched until its job ended: the job's own exit code.

    With `plan`, what would be done stands on standard output, and nothing is done. What preflight says is
    refused is not launched, unless `anyway`: exit code 3.

    Raises:
        ImageMoved: the tag does not name the digest that is beside it any more.
        AlreadyExists: there is a VM of that name.
        SymbolonError: as preflight, Google and the job say.
    """
    found = look_ahead(api, wanted)
    if plan:
        _show_plan(found, output=output)
        return EXIT_CODES[found.verdict]
    if output != "json":
        _show_plan(found, output=output)
    if found.verdict == "refused" and not anyway:
        if output == "json":
            print_json(_document(found, launched=False))
        else:
            console(stderr=True).print("nothing was launched; --anyway launches what would be refused")
        return ExitCode.ANSWERED_NO
    agree(f"Launch {found.vm.name}? It costs until it ends.", yes=yes, undone="nothing was launched")
    _launch(api, found.vm)
    if detach:
        if output == "json":
            print_json(_document(found, launched=True))
        else:
            where = f"{found.vm.name} --project {found.vm.project_id} --zone {found.vm.zone}"
            console().print(styled(f"launched; symbolon operator watch {where}", whole=True))
        return ExitCode.YES
    return watch_vm(api, found.vm, policies=found.policies, output=output)


def _launch(api: GoogleApi, vm: ConfidentialVm) -> None:
    try:
        with patience(f"launching {vm.name}"):
            confidential_vm.launch(api, vm)
    except AlreadyExists as error:
        error.hint = f"another --name; or `symbolon operator destroy {vm.name}`, or `watch` it"
        raise
    except (Denied, Misconfigured) as error:
        if "service account" in error.message or isinstance(error, Denied):
            error.hint = (
                "`symbolon operator preflight` says which right is missing, and the line that grants it"
            )
        raise
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\n`{vm.name}` may have been made, and cost: symbolon operator status {vm.name}"
            f" --project {vm.project_id} --zone {vm.zone}\n"
        )
        raise


def _show_plan(found: Preflight, *, output: str) -> None:
    if output == "json":
        print_json(_document(found, launched=False))
        return
    print_preflight(found)
    rows = [(f"  {what}", printable(says)) for what, says in plan_of(found.vm)]
    console().print(f"\nplan\n{columns(rows)}")
    # One command, to be copied: a terminal folds it, and no blank is put in.
    sys.stdout.write(f"\nthe same by gcloud\n  {printable(shlex.join(launch_command(found.vm)))}\n")


def plan_of(vm: ConfidentialVm) -> Iterator[tuple[str, str]]:
    """What a launch makes, and what of it costs money."""
    yield "create", f"VM `{vm.name}` in `{vm.zone}` of project `{vm.project_id}`"
    yield "", f"`{vm.shape}`, memory encrypted by {vm.technology}, maintenance may {vm.maintenance} it"
    yield "", f"boots family `{vm.image_family}`, acts as `{vm.service_account}`"
    for key, value in sorted(render_metadata(vm).items()):
        yield "", f"{key}={value}"
    yield "costs", "the machine by the second while it runs; restarts included"
    yield "costs", "its boot disk and its external address, until it is destroyed"
    if vm.restart_policy != "Never":
        yield "costs", f"without end where its job fails at each start: restart policy `{vm.restart_policy}`"
    yield "writes", f"results into `{vm.environment.get('RESULT_URI', '')}`"


def _document(found: Preflight, *, launched: bool) -> dict[str, object]:
    plan = [{"what": what or "with", "says": says} for what, says in plan_of(found.vm)]
    return {
        "launched": launched,
        "preflight": found.document(),
        "plan": plan,
        "gcloud": shlex.join(launch_command(found.vm)),
    }
