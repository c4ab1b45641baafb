"""What the owner types to have an image that the policy pins: `symbolon owner publish`.

Build or append, push, pin: the digest that goes into the policy is counted from what the registry serves.
Then the policy lies beside the image, for whoever wants to launch it.
"""

from __future__ import annotations

from pathlib import Path

from attestation.digests import Digest
from attestation.errors import ExitCode
from deploy.appending import append_image
from deploy.base_contents import check_base, read_contents
from deploy.build_context import lay_out_context
from deploy.engines import Base, build
from deploy.google_api import GoogleApi
from deploy.image import SOURCE, build_image, read_dockerfile
from deploy.layout import Layout, image_in
from deploy.policy_beside import put_policy
from deploy.push import push
from deploy.registries import pull
from emulator.address import client_env
from policy.pinning import pin_image

from ..inputs import read_bytes, read_text
from ..platform_root import check_root, published_root
from ..rendering import columns, console, print_json, printable_lines
from ..scratch import scratch_folder
from ..signing_in import sign_in
from ..steps import Steps
from ..whole_files import write
from .publish_order import FOLDER, Order, Wanted, read_order

_NO_DIGEST = Digest("sha256:" + "0" * 64)


def publish(order: Order, *, plan: bool, output: str) -> ExitCode:
    """The registry serves the image, and the policy file pins its digest; or the plan of it is shown.

    Raises:
        Misconfigured: a file or an option is wrong, no engine is there, or the engine did not build it;
            ours cannot be appended to the base.
        EvidenceRejected: the base, or what a registry serves, is not what its digest says.
        Denied, Unavailable: as the registry answers, or the network of the build.
    """
    before = read_text(order.policy, what="policy")
    wanted = read_order(order)
    pin_image(before, _NO_DIGEST, built_by=wanted.tool)  # refused now, and not when all is built
    if plan or output != "json":
        _show_plan(order, wanted, output=output)
    if plan:
        return ExitCode.YES
    api = sign_in("owner")
    root = published_root() if order.root is None else read_bytes(order.root, what="root")
    check_root(root, emulator=order.emulator)
    with scratch_folder() as folder, Steps() as steps:
        _make(wanted, folder, root, steps, api=api, emulator=order.emulator)
        steps.begin(f"pushing to {wanted.reference.host}")
        digest = push(api, folder / "layout", wanted.reference, on_pushed=lambda blob: steps.show(blob[:19]))
    after = pin_image(before, digest, built_by=wanted.tool)
    if after != before:
        write(Path(order.policy).parent, {Path(order.policy).name: after})
    if not order.keep_policy:
        put_policy(api, wanted.reference, digest, after)
    return _show(order, wanted, digest, changed=after != before, output=output)


def _make(wanted: Wanted, folder: Path, root: bytes, steps: Steps, *, api: GoogleApi, emulator: bool) -> None:
    """The image is an OCI layout in `folder`, by the way that is wanted."""
    layout = folder / "layout"
    if wanted.base is None:
        build_image(layout, terms=wanted.terms, root=root, runtime=wanted.runtime)
        return
    if wanted.engine is None:
        base = _fetch(wanted.base, folder / "base", steps, api=api)
        _check(base, wanted.runtime, steps)
        name = None if wanted.base.name.startswith(FOLDER) else wanted.base.name
        append_image(layout, base, name=name, terms=wanted.terms, root=root, runtime=wanted.runtime)
        return
    steps.begin(f"building with {wanted.tool}")
    context = folder / "context"
    lay_out_context(context, terms=wanted.terms, root=root, runtime=wanted.runtime, beside=wanted.beside)
    build(
        wanted.engine,
        context,
        base=wanted.base,
        runtime=wanted.runtime,
        layout=layout,
        without=client_env(proxy="", ca_file="") if emulator else (),
        on_line=lambda line: steps.show(line.partition(": ")[0][:60]),
    )


def _fetch(base: Base, folder: Path, steps: Steps, *, api: GoogleApi) -> Layout:
    """The base as an OCI layout: the one that its name says, or fetched into `folder`."""
    if base.name.startswith(FOLDER):
        return image_in(Path(base.name.removeprefix(FOLDER)), base.digest)
    steps.begin("fetching the base")
    return pull(base, folder, api=api, on_pulled=lambda blob: steps.show(blob[:19]))


def _check(base: Layout, runtime: str, steps: Steps) -> None:
    """The base carries what the runtime's requirements say."""
    steps.begin("reading what the base holds")
    found = read_contents(base, on_layer=lambda blob: steps.show(blob[:19]))
    requirements = (SOURCE / "deploy" / f"requirements-{runtime}.txt").read_text(encoding="utf-8")
    check_base(found, read_dockerfile(runtime=runtime), requirements, runtime=runtime)


def _show_plan(order: Order, wanted: Wanted, *, output: str) -> None:
    reference = wanted.reference
    rows = {
        "build": f"deploy/Dockerfile with {wanted.tool}" if wanted.engine else wanted.tool,
        "base": str(wanted.base) if wanted.base else "none",
        "runtime": wanted.runtime,
        "push": f"{reference.repository}:{reference.tag or 'latest'}",
        "pin": f"the digest that {reference.host} then serves, in {order.policy}",
        "beside": "nothing" if order.keep_policy else f"{order.policy}, for `symbolon operator preflight`",
    }
    if output == "json":
        print_json({"plan": rows})
    else:
        console().print(printable_lines(columns(rows.items())))


def _show(order: Order, wanted: Wanted, digest: Digest, *, changed: bool, output: str) -> ExitCode:
    reference = f"{wanted.reference.repository}@{digest}"
    if output == "json":
        print_json(
            {
                "image": reference,
                "digest": digest,
                "built_by": wanted.tool,
                "base": str(wanted.base) if wanted.base else None,
                "runtime": wanted.runtime,
                "emulator": order.emulator,
                "policy": {"file": order.policy, "changed": changed, "beside_image": not order.keep_policy},
            }
        )
        return ExitCode.YES
    rows = {
        "image": reference,
        "built by": wanted.tool + (f" on {wanted.base}" if wanted.base else ""),
        "policy": f"{order.policy} pins it" + ("" if changed else ", as before"),
    }
    console().print()
    console().print(printable_lines(columns(rows.items())))
    if order.emulator:
        console().print(
            printable_lines("this image believes an emulator: Google's verifier means nothing to it")
        )
    return ExitCode.YES
