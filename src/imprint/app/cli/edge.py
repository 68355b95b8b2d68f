"""Where the command line begins and ends: exceptions become messages and exit codes here, and nowhere else.

Reads: arguments. Writes: messages to stderr; a trace where something unforeseen happened. Does not: do any work.

Exit codes: 0, those of `imprint.errors`, 2 also for a wrong flag, 70 for a bug, 130 when interrupted.
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from typer import Abort, TyperException
from typer.main import get_command

from imprint import __version__
from imprint.app.cli.output import print_json
from imprint.app.cli.verbs import app
from imprint.artifacts.picture import clean_text
from imprint.errors import ImprintError, Interrupted, OutputError

USAGE_CODE = 2
BUG_CODE = 70  # EX_SOFTWARE of sysexits.h
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


def main() -> NoReturn:
    """Run the command line with this process's arguments, and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one verb.

    Args:
        arguments: without the program's name.
    Returns: the exit code.
    """
    wants_json = "--json" in arguments
    try:
        result: object = get_command(app).main(args=list(arguments), prog_name="imprint", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except ImprintError as error:
        return _tell(error, wants_json)
    except TyperException as error:
        return _tell_usage(error, wants_json)
    except (KeyboardInterrupt, Abort):
        return _tell(Interrupted("interrupted"), wants_json)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            return _tell_bug(error, arguments, wants_json)
        where = error.filename or ""
        return _tell(OutputError("cannot write", where=where, got=error.strerror), wants_json)
    except Exception as error:  # noqa: BLE001 - the one place where anything may be caught
        return _tell_bug(error, arguments, wants_json)


def _tell(error: ImprintError, wants_json: bool) -> int:
    _message(error.render())
    if wants_json:
        parts = {"where": error.where, "got": error.got, "allowed": error.allowed, "hint": error.hint}
        _json_error(type(error).__name__, error.exit_code, error.what, **parts)
    return error.exit_code


def _tell_usage(error: TyperException, wants_json: bool) -> int:
    context, text = getattr(error, "ctx", None), error.format_message()
    usage = f"\n{context.get_usage()}" if context is not None else ""
    if text.startswith("Usage:"):  # no verb was named: the text is the whole help
        print(text, file=sys.stderr)  # noqa: T201
    else:
        _message(f"{text}{usage}\nhint: `imprint --help` lists the verbs, `imprint VERB --help` their flags")
    if wants_json:
        _json_error("UsageError", USAGE_CODE, text)
    return USAGE_CODE


def _tell_bug(error: Exception, arguments: Sequence[str], wants_json: bool) -> int:
    what = f"an unforeseen error: {type(error).__name__}: {error}"
    trace = _write_trace(error, arguments)
    _message(f"{what}\nhint: this is a bug in Imprint; please report it with {trace}")
    if wants_json:
        _json_error(type(error).__name__, BUG_CODE, what, trace=trace)
    return BUG_CODE


def _message(text: str) -> None:
    print(f"error: {clean_text(text)}", file=sys.stderr)  # noqa: T201


def _json_error(kind: str, exit_code: int, what: str, **parts: object) -> None:
    print_json({"error": {"kind": kind, "exit_code": exit_code, "what": what, **parts}})


def _write_trace(error: Exception, arguments: Sequence[str]) -> str:
    """Write the trace to a file of its own. Returns: its path, or what to do when even that fails."""
    lines = [
        f"imprint {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
        f"imprint {shlex.join(arguments)}\n\n",
        *traceback.format_exception(error),
    ]
    try:
        descriptor, name = tempfile.mkstemp(prefix="imprint-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
    except OSError:
        sys.stderr.writelines(lines)
        return "the trace above"
    return str(Path(name))
