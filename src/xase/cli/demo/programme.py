"""The demonstration from curtain to curtain."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from xase.cli.demo import access, story
from xase.cli.demo.cast import Cast
from xase.cli.demo.model import MODEL_ID, Cases
from xase.cli.demo.scene import Scene
from xase.cli.demo.stage import Stage

_COLUMNS: Final = 110  # where nobody's terminal sets a limit


def perform(folder: Path, *, keep: bool) -> None:
    """Everything, in `folder`; with `keep` the server stays until Ctrl-C."""
    scene = Scene(Console(highlight=False, width=None if sys.stdout.isatty() else _COLUMNS))
    stage = Stage.open(folder)  # it makes its keys while the table is loaded
    try:
        cases = Cases.load()
        story.enter(scene, stage)
        _play(scene, stage, cases)
        _farewell(scene, stage, keep=keep)
        if keep:
            stage.wait()
    finally:
        stage.strike()


def _play(scene: Scene, stage: Stage, cases: Cases) -> None:
    with ExitStack() as stack:
        cast = Cast.engage(stage, stack)
        access.offer(scene, stage, cast, cases)
        access.deny(scene, cast)
        session = access.ask(scene, cast)
        model = access.train(scene, session)
        recorded = story.record(scene, cast.holder, model, cases)
        reviewed = story.review(scene, cast.reviewer, recorded)
        person = access.withdraw(scene, cast, cases, session)
        access.revoke(scene, cast, session)
        _keep_keys(stage, cast.holder.evidence.server_keys())
        story.export(scene, stage)
        story.verify(scene, stage)
        story.check_session(scene, stage, session.id)
        story.forge(scene, stage, reviewed)
        story.follow(scene, cast.holder, person)


def _keep_keys(stage: Stage, published: str) -> None:
    """The public keys as their auditors would keep them: all of them, and each in a file of its own for openssl."""
    (stage.folder / story.KEYS).write_text(published)
    by_use = {key["use"]: key["public_key"] for key in json.loads(published)["keys"]}
    for name, use in zip(story.PEM_KEYS, ("document", "log"), strict=True):
        (stage.folder / name).write_text(by_use[use])


def _farewell(scene: Scene, stage: Stage, *, keep: bool) -> None:
    scene.heading(f"Done in {scene.seconds:.0f} seconds. What to try next")
    if keep:
        scene.say("The server goes on until Ctrl-C; all files stay. In another terminal:")
        home, address = str(stage.home), stage.address
        bundle = f"{stage.folder / story.BUNDLE}"
        scene.command(f"xase verify {bundle} --key {stage.folder / story.KEYS} --json")
    else:
        scene.say("This server and its files are gone now; `xase demo --keep` leaves them to you. Or start your own:")
        home, address = ".xase", "http://127.0.0.1:8000"
        scene.command(f"xase-server serve --home {home}")
    scene.command(f'curl -H "Authorization: Bearer $(cat {home}/admin.key)" "{address}/v1/records?model_id={MODEL_ID}"')
    scene.command(f"xase records list --base-url {address} --key-file {home}/admin.key")
    scene.say(f"Every endpoint: {address}/docs")
    scene.say("Read on: docs/tutorial/first-session.md and docs/tutorial/first-record.md")
