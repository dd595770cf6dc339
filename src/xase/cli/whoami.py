"""`xase whoami`: whose key this is."""

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.output import emit, show_fields

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def whoami(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Say whose key this is, and what it may do."""
    with connect(base_url, key_file) as client:
        identity = client.whoami().to_dict()
    if as_json:
        emit(identity)
        return
    show_fields({**identity, "scopes": " ".join(identity["scopes"])})
