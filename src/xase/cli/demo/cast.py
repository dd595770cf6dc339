"""Who acts in the demonstration: two organisations, four people, a key for each."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from xase.cli.demo.stage import Stage

if TYPE_CHECKING:
    from xase import Client

LAB: Final = "org_1ab0000000000001"
HOLDER: Final = "data@hospital.example"
REVIEWER: Final = "dr.osei@hospital.example"
AUDITOR: Final = "audit@authority.example"
ENGINEER: Final = "engineer@lab.example"
AUDITOR_KEY: Final = "auditor.key"
_LAB_KEY: Final = "lab.key"


@dataclass(frozen=True, slots=True)
class Cast:
    """A client for each person. The auditor works on the command line, with a key file."""

    holder: "Client"
    reviewer: "Client"
    lab: "Client"

    @classmethod
    def engage(cls, stage: Stage, stack: ExitStack) -> Self:
        """Make everybody's keys. The clients are closed with `stack`."""
        from xase import Client

        def client(key: str) -> Client:
            return stack.enter_context(Client(api_key=key, base_url=stage.address, spool=stage.folder / "spool.db"))

        admin = client(stage.admin_key)
        lab = ("--name", "lab", "--email", ENGINEER, "--role", "ai_lab", "--organisation", LAB)
        stage.do("xase-server", "keys", "create", "--home", "home", *lab, "--output", _LAB_KEY)
        auditor = admin.keys.create(name="audit", role="auditor", email=AUDITOR).key
        (stage.folder / AUDITOR_KEY).write_text(auditor)
        (stage.folder / AUDITOR_KEY).chmod(0o600)
        return cls(
            holder=client(admin.keys.create(name="data office", role="data_holder", email=HOLDER).key),
            reviewer=client(admin.keys.create(name="second look", role="reviewer", email=REVIEWER).key),
            lab=client((stage.folder / _LAB_KEY).read_text().strip()),
        )
