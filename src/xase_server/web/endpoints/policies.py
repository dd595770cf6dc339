"""Policies and purposes (docs/spec/api.md, section 4)."""

from typing import Final

from xase_server.domain.guardrails import Guardrails
from xase_server.domain.principals import GUARDRAILS_WRITE, POLICIES_READ, POLICIES_WRITE
from xase_server.domain.simulations import Simulation
from xase_server.policy.model import PlainPolicy, Policy
from xase_server.web import examples_holder as examples
from xase_server.web.endpoint import ANY_KEY, Caching, Endpoint, Reply
from xase_server.web.examples import page_of
from xase_server.web.handlers import guardrails, policies
from xase_server.web.pages import PAGING
from xase_server.web.parameters import PathParameter
from xase_server.web.schemas_policies import (
    GuardrailList,
    PolicyImpact,
    PolicyList,
    PolicyVersion,
    PurposeTree,
    SimulatedVerdict,
)

_GROUP: Final = "Policies"
_LOCATION: Final = {"Location": "The address of the new object."}
_FORMS: Final = (Policy, PlainPolicy)

POLICY_ID: Final = PathParameter(
    name="id",
    resource="policy",
    description="The policy's id.",
    example="policy_medical_research",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
)
POLICY_VERSION: Final = PathParameter(
    name="version",
    resource="policy version",
    description="The version's number.",
    example="1",
    pattern=r"[1-9][0-9]{0,8}",
)
_IN_FORCE: Final = Reply(description="The version in force.", schema=PolicyVersion, example=examples.POLICY)
_PAGE: Final = Reply(description="A page of policies.", schema=PolicyList, example=page_of(examples.POLICY, 1))

POLICIES: Final = (
    Endpoint(
        method="POST",
        path="/v1/policies",
        name="create_policy",
        access=POLICIES_WRITE,
        group=_GROUP,
        summary="Make a policy",
        description="In the full form or the plain one, as JSON or YAML. It governs the datasets that name it.",
        handler=policies.create_policy,
        forms=_FORMS,
        body_example=examples.POLICY_DOCUMENT,
        answers={
            201: Reply(description="Version 1.", schema=PolicyVersion, example=examples.POLICY, headers=_LOCATION)
        },
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/policies",
        name="list_policies",
        access=POLICIES_READ,
        group=_GROUP,
        summary="List policies",
        description="The organisation's own, newest first, each in the version in force.",
        handler=policies.list_policies,
        parameters=PAGING,
        answers={200: _PAGE},
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/policies/{id}",
        name="get_policy",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Get a policy",
        handler=policies.get_policy,
        path_parameters=(POLICY_ID,),
        caching=Caching.PRIVATE,
        answers={200: _IN_FORCE},
    ),
    Endpoint(
        method="PUT",
        path="/v1/policies/{id}",
        name="put_policy",
        access=POLICIES_WRITE,
        group=_GROUP,
        summary="Change a policy",
        description="Makes its next version, which is in force at once; the versions before are kept. A document that "
        "says the same makes none; one that does not fit a dataset which it governs is refused.",
        handler=policies.put_policy,
        path_parameters=(POLICY_ID,),
        forms=_FORMS,
        body_example=examples.POLICY_DOCUMENT,
        answers={200: _IN_FORCE},
    ),
    Endpoint(
        method="GET",
        path="/v1/policies/{id}/versions",
        name="list_policy_versions",
        access=POLICIES_READ,
        group=_GROUP,
        summary="List a policy's versions",
        description="Newest first.",
        handler=policies.list_policy_versions,
        path_parameters=(POLICY_ID,),
        parameters=PAGING,
        answers={200: _PAGE},
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/policies/{id}/versions/{version}",
        name="get_policy_version",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Get one version of a policy",
        handler=policies.get_policy_version,
        path_parameters=(POLICY_ID, POLICY_VERSION),
        caching=Caching.PRIVATE_IMMUTABLE,
        answers={200: Reply(description="The version.", schema=PolicyVersion, example=examples.POLICY)},
    ),
    Endpoint(
        method="POST",
        path="/v1/policies/{id}/simulate",
        name="simulate_policy",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Ask what a policy would say",
        description="The verdict of the version in force, after the guardrails, on a hypothetical request, and how "
        "each clause came out. A policy that is a guardrail is asked as one. Stores nothing.",
        handler=policies.simulate_policy,
        path_parameters=(POLICY_ID,),
        body=Simulation,
        body_example=examples.SIMULATION,
        answers={200: Reply(description="The verdict.", schema=SimulatedVerdict, example=examples.SIMULATED)},
    ),
    Endpoint(
        method="POST",
        path="/v1/policies/{id}/impact",
        name="assess_policy",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Ask what a changed policy would do",
        description="Which open sessions the document, as the policy's next version, would cut or narrow: those on the "
        "datasets that it governs, for a guardrail all of the organisation's. Stores nothing.",
        handler=policies.assess_policy,
        path_parameters=(POLICY_ID,),
        forms=_FORMS,
        body_example=examples.POLICY_DOCUMENT,
        answers={200: Reply(description="The sessions.", schema=PolicyImpact, example=examples.IMPACT)},
    ),
    Endpoint(
        method="GET",
        path="/v1/guardrails",
        name="get_guardrails",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Show the guardrails",
        description="The organisation's policies that have a say on every dataset of its.",
        handler=guardrails.get_guardrails,
        caching=Caching.PRIVATE,
        answers={200: Reply(description="In order.", schema=GuardrailList, example=examples.GUARDRAILS)},
    ),
    Endpoint(
        method="PUT",
        path="/v1/guardrails",
        name="put_guardrails",
        access=GUARDRAILS_WRITE,
        group=_GROUP,
        summary="Set the guardrails",
        description="These policies and no others guard all datasets of the organisation from now on: stricter ones "
        "hold at once in open sessions, looser ones for new ones. One that does not fit a dataset is refused.",
        handler=guardrails.put_guardrails,
        body=Guardrails,
        body_example=examples.NAMED_GUARDRAILS,
        answers={200: Reply(description="In order.", schema=GuardrailList, example=examples.GUARDRAILS)},
    ),
    Endpoint(
        method="POST",
        path="/v1/guardrails/impact",
        name="assess_guardrails",
        access=POLICIES_READ,
        group=_GROUP,
        summary="Ask what other guardrails would do",
        description="Which open sessions on the organisation's datasets these would cut or narrow, in place of those "
        "in force. Stores nothing.",
        handler=guardrails.assess_guardrails,
        body=Guardrails,
        body_example=examples.NAMED_GUARDRAILS,
        answers={200: Reply(description="The sessions.", schema=PolicyImpact, example=examples.IMPACT)},
    ),
    Endpoint(
        method="GET",
        path="/v1/purposes",
        name="list_purposes",
        access=ANY_KEY,
        group=_GROUP,
        summary="List purposes",
        description="What data may be wanted for. A rule that names a purpose means everything below it as well.",
        handler=policies.list_purposes,
        caching=Caching.PRIVATE,
        answers={200: Reply(description="The tree.", schema=PurposeTree, example=examples.PURPOSES)},
    ),
)
