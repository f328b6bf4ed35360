"""The commands by name. A command's module is imported when it is called or asked for help."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from scaling_utils import __version__

# name: where the click command is, and what it is for. The line stands here so that the list of
# commands can be printed without loading numpy.
COMMANDS = {
    "plan": ("scaling_utils.cli.plan:command", "Plan a training run, with ranges."),
    "fit": ("scaling_utils.cli.fit:command", "Fit a scaling law to a table of runs."),
    "predict": ("scaling_utils.cli.predict:command", "Predict with a saved fit."),
    "count": ("scaling_utils.cli.count:command", "Count parameters, FLOPs and bytes of a model."),
    "memory": ("scaling_utils.cli.memory:command", "Memory of a layout, and what fits."),
    "carbon": ("scaling_utils.cli.carbon:command", "Energy and emissions of device-hours."),
    "laws": ("scaling_utils.cli.laws:command", "List the published laws, and evaluate one."),
    "hardware": ("scaling_utils.cli.hardware:command", "List the accelerators: peaks and memory."),
    "sweep": ("scaling_utils.cli.sweep:command", "Run the jobs of an experiment, and go on."),
    "contest": ("scaling_utils.cli.contest:command", "Verify the ledger of a lab of the contest."),
}

COMPLETE = "_SCALING_UTILS_COMPLETE"
_COMPLETION = f"""\b
Completion of commands and options in your shell:
  bash   eval "$({COMPLETE}=bash_source scaling-utils)"
  zsh    eval "$({COMPLETE}=zsh_source scaling-utils)"
  fish   {COMPLETE}=fish_source scaling-utils | source
Results are printed on standard output, remarks on standard error. The status is 0;
1 with --strict where there is a remark, and after a sweep with failed jobs; 2 for
input that cannot be used."""


class Lazy(click.Group):
    """A group that knows its commands by the places of their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command; None for an unknown name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return getattr(import_module(module), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Find the command that is called; an unknown one is told with the nearest."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            near = get_close_matches(word, COMMANDS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(
                f"the command must be one of {', '.join(COMMANDS)}; got {word!r}{hint}", ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        names = [
            CompletionItem(name, help=about)
            for name, (_, about) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


group = Lazy(
    name="scaling-utils",
    help="Scaling laws, counts, plans and sweeps from the command line.",
    epilog=_COMPLETION,
    params=[],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
group = click.version_option(__version__, prog_name="scaling-utils")(group)
