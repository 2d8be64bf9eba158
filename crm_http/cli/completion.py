"""`crm completion`: the script by which a shell completes the commands."""

import click
from click.shell_completion import get_completion_class

from crm_http.cli.help_texts import examples

#: Set by the script when it asks for completions; click derives the same from the command's name.
_VARIABLE = "_CRM_COMPLETE"


@click.command(
    "completion",
    epilog=examples(
        'eval "$(crm completion bash)"                                # in ~/.bashrc',
        'eval "$(crm completion zsh)"                                 # in ~/.zshrc',
        "crm completion fish > ~/.config/fish/completions/crm.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    complete = get_completion_class(shell)
    if complete is None:  # unreachable: click has these three shells; it is for the type checker
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(complete(ctx.find_root().command, {}, "crm", _VARIABLE).source())
