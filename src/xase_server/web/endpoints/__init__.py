"""The endpoint table: every address of the server, who may call it, what it reads and what it answers.

Routes, the OpenAPI file, the reference page and the authorisation test are made of it.
"""

from typing import Final

from xase_server.web.endpoint import Endpoint
from xase_server.web.endpoints.access import ACCESS
from xase_server.web.endpoints.anonymization import ANONYMIZATION
from xase_server.web.endpoints.approvals import APPROVALS
from xase_server.web.endpoints.audit import AUDIT
from xase_server.web.endpoints.consent import CONSENT
from xase_server.web.endpoints.data import DATA
from xase_server.web.endpoints.datasets import DATASETS
from xase_server.web.endpoints.evidence import EVIDENCE
from xase_server.web.endpoints.keys import KEYS
from xase_server.web.endpoints.ledger import LEDGER
from xase_server.web.endpoints.lineage import LINEAGE
from xase_server.web.endpoints.metrics import METRICS
from xase_server.web.endpoints.operations import OPERATIONS
from xase_server.web.endpoints.policies import POLICIES
from xase_server.web.endpoints.records import RECORDS
from xase_server.web.endpoints.service import SERVICE
from xase_server.web.endpoints.tokens import TOKENS
from xase_server.web.endpoints.transformations import TRANSFORMATIONS
from xase_server.web.endpoints.usage import USAGE
from xase_server.web.endpoints.webhooks import WEBHOOKS

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *RECORDS,
    *METRICS,
    *DATASETS,
    *ANONYMIZATION,
    *CONSENT,
    *TOKENS,
    *POLICIES,
    *ACCESS,
    *APPROVALS,
    *DATA,
    *TRANSFORMATIONS,
    *OPERATIONS,
    *LINEAGE,
    *USAGE,
    *AUDIT,
    *EVIDENCE,
    *LEDGER,
    *WEBHOOKS,
    *KEYS,
    *SERVICE,
)
