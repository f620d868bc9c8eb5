"""Entry point: sets JAX up, then turns expected errors into one line and exit code 2."""

import os
import sys
import warnings
from importlib.metadata import version
from typing import Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Differentiable simulation of analog circuits, and training of their component "
        "values by time-reversed echoes.\n\n"
        "NETLIST is a SPICE file (elements C, L, R, I, V, B, K, P, X), or the name of a bundled "
        "one: physsim examples lists them.\n\n"
        "Start with:  physsim demo  or  physsim simulate coupled_lc.cir;  then  physsim report out"
    ),
)


@app.callback(invoke_without_command=True)
def _options(
    show_version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if show_version:
        typer.echo(f"physsim {version('physsim-echo')}")
        raise typer.Exit()


def _run() -> None:
    from physsim import tune_cpu

    from ._commands import register

    tune_cpu()
    import jax

    jax.config.update("jax_enable_x64", True)
    warnings.showwarning = _one_line
    register(sys.argv[1:])
    app()


def _one_line(message, category, filename, lineno, file=None, line=None) -> None:
    sys.stderr.write(f"warning: {message}\n")


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except (ValueError, ArithmeticError, OSError) as error:
        _leave(f"error: {_reason(error)}", 2)
    except RuntimeError as error:
        if _reason(error) is error:
            raise
        _leave(f"error: {_reason(error)}", 2)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except SystemExit as end:
        # Typer's, which has said why.
        if not end.code:
            raise
        _leave("", end.code)


def _reason(error: Exception) -> object:
    """`error`, or what it means where another process was lost."""
    import jax

    lost = isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error)
    if not (lost and jax.distributed.is_initialized()):
        return error
    return (
        f"process {jax.process_index()} lost another one ({str(error).splitlines()[0]}). Training "
        "goes on from its last checkpoint with --resume, on any number of devices"
    )


def _leave(message: str, code: Any) -> None:
    sys.stderr.write(f"{message}\n" if message else "")
    import jax

    if jax.distributed.is_initialized():
        from ._launch import part

        # JAX's way out would wait for the others, which wait for this one.
        sys.stdout.flush()
        sys.stderr.flush()
        part()
        os._exit(code)
    sys.exit(code)
