"""What anybody types to have Google on localhost: `symbolon emulator up|status|env|down`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attestation.errors import ExitCode, Misconfigured, Unavailable
from emulator import running
from emulator.running import Running

from ..extras import require_extra
from ..rendering import console, print_json, styled

PARTIES = {"owner": "primus", "operator": "secundus", "auditor": "tertius"}
"""Who is seeded in every emulator, and the project each of them owns."""

_OTHERS_WORD = (
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_CORE_PROJECT",
)
"""What would make gcloud somebody else, whatever its folder says; a shell forgets it."""


def up(
    state: Path | None,
    *,
    port: int,
    routes: Mapping[str, int],
    whole_images: bool,
    foreground: bool,
    with_page: bool = False,
    output: str,
) -> ExitCode:
    """An emulator serves the state folder; how to reach it stands on standard output.

    In the foreground it is a new one and ends with this process; else one that runs already will do.
    `routes`: a host's name → the port on 127.0.0.1 that tunnels to it end at, unopened.
    `whole_images`: a workload runs by runc, from its image's own root file system.
    `with_page`: a link stands there that opens a page of what is recorded, once.

    Raises:
        Misconfigured: it is not installed, another one has the folder, or one runs without the routes
            or the page, or elsewhere than on the port.
        Unavailable: it does not start.
    """
    require_extra("emulator")
    folder = state_folder(state)
    emulator = None if foreground else running.find(folder)
    if emulator is None:
        emulator = running.start(
            folder,
            port=port,
            routes=routes,
            whole_images=whole_images,
            with_page=with_page,
            outlives_us=not foreground,
        )
    elif port not in (0, emulator.port):
        raise Misconfigured(
            f"the emulator runs already, on port `{emulator.port}`",
            hint=f"leave the port out, or stop it first: symbolon emulator down{_option(state)}",
        )
    elif missing := {name for name, target in routes.items() if emulator.routes.get(name) != target}:
        raise Misconfigured(
            f"the emulator runs already, and does not route `{min(missing)}` there",
            hint=f"symbolon emulator down{_option(state)}",
        )
    elif whole_images and not emulator.whole_images:
        raise Misconfigured(
            "the emulator runs already, and runs no image whole",
            hint=f"symbolon emulator down{_option(state)}",
        )
    elif with_page and not emulator.page:
        raise Misconfigured(
            "the emulator runs already, and without its page",
            hint=f"symbolon emulator down{_option(state)}, then the same command again",
        )
    if not foreground:
        _show(emulator, state, with_page=with_page, output=output)
        return ExitCode.YES
    with suppress(KeyboardInterrupt):
        _show(emulator, state, with_page=with_page, output=output)
        sys.stdout.flush()
        signal.pause()
    emulator.stop()
    return ExitCode.YES


def status(state: Path | None, *, output: str) -> ExitCode:
    """Whether an emulator serves the state folder stands on standard output, and in the exit code."""
    emulator = running.find(state_folder(state))
    if emulator is not None:
        _show(emulator, state, output=output)
        return ExitCode.YES
    if output == "json":
        print_json({"running": False})
    else:
        console().print("not running")
    return ExitCode.ANSWERED_NO


def show_environment(state: Path | None, *, party: str, shell: str, output: str) -> ExitCode:
    """The lines that make a shell `party` in front of the emulator stand on standard output.

    Raises:
        Unavailable: no emulator serves the state folder.
    """
    emulator = running.find(state_folder(state))
    if emulator is None:
        raise Unavailable("the emulator does not run", hint=f"symbolon emulator up{_option(state)}")
    environment = environment_of(emulator, party)
    if output == "json":
        print_json(environment)
    else:
        sys.stdout.write(_lines(environment, shell))
    return ExitCode.YES


def down(state: Path | None, *, output: str) -> ExitCode:
    """No emulator serves the state folder.

    Raises:
        Unavailable: it does not stop.
    """
    emulator = running.find(state_folder(state))
    if emulator is not None:
        emulator.stop()
    if output == "json":
        print_json({"running": False})
    else:
        console().print("not running" if emulator is None else "stopped; its state is kept")
    return ExitCode.YES


def environment_of(emulator: Running, party: str) -> dict[str, str]:
    """What makes any production client the `party`, in front of the emulator and of nothing else."""
    return emulator.env | {
        "GOOGLE_APPLICATION_CREDENTIALS": str(emulator.credentials_file(party)),
        "GOOGLE_CLOUD_PROJECT": PARTIES[party],
        "CLOUDSDK_CONFIG": str(emulator.gcloud_folder(party)),
    }


def _show(emulator: Running, state: Path | None, *, output: str, with_page: bool = False) -> None:
    if output == "json":
        environments = {party: environment_of(emulator, party) for party in PARTIES}
        document = {"running": True, "pid": emulator.pid, "proxy": emulator.proxy}
        page = {"page": emulator.page_link()} if with_page else {}
        print_json({**document, **page, "environment": environments})
        return
    env = f"symbolon emulator env{_option(state)}"
    commands = {f'eval "$({env} {party})"': project for party, project in PARTIES.items()}
    width = max(map(len, commands))
    terminal = console()
    terminal.print(f"running at {emulator.proxy} (process {emulator.pid}), state in {emulator.folder}")
    for name, port in sorted(emulator.routes.items()):
        terminal.print(f"{name} leads to 127.0.0.1:{port}")
    terminal.print("a shell becomes one of its people, and reaches nothing else, by")
    for command, project in commands.items():
        terminal.print(styled(f"  {command:{width}}   project {project}", whole=True))
    if with_page:
        terminal.print("what happens is shown in a browser on this machine, by this link, which opens once:")
        terminal.print(styled(f"  {emulator.page_link()}", whole=True))


def _lines(environment: dict[str, str], shell: str) -> str:
    """What the shell reads to have this environment. Fish has its own words for it."""
    if shell == "fish":
        unset = "".join(f"set -e {name}\n" for name in _OTHERS_WORD)
        return unset + "".join(
            f"set -gx {name} {_fish_quote(value)}\n" for name, value in environment.items()
        )
    unset = f"unset {' '.join(_OTHERS_WORD)}\n"
    return unset + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def _fish_quote(value: str) -> str:
    r"""One word of fish.

    >>> print(_fish_quote("it's a \\ b"))
    'it\'s a \\ b'
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _option(state: Path | None) -> str:
    """What a person adds to another command to mean the same emulator."""
    return "" if state is None else f" --state {shlex.quote(str(state))}"


def state_folder(state: Path | None) -> Path:
    """Where the emulator that a person means keeps its state; `state` where that is named.

    Source: XDG Base Directory Specification, `$XDG_STATE_HOME`; a relative one counts as unset.
    """
    if state is not None:
        return state.resolve()
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "state") / "symbolon" / "emulator"
