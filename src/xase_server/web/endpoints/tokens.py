"""Tokens (docs/spec/api.md, section 3)."""

from typing import Final

from xase_server.domain.principals import TOKENS_ERASE, TOKENS_REVERSE
from xase_server.domain.tokens import NewReversal, NewTokenErasure
from xase_server.web import examples_tokens as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.data import DATASET
from xase_server.web.handlers import tokens
from xase_server.web.schemas_tokens import Reversal, TokenErasure

TOKENS: Final = (
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/detokenize",
        name="detokenize",
        access=TOKENS_REVERSE,
        group="Datasets",
        summary="Follow tokens back to the values they stand for",
        description="For the organisation that holds the dataset. That it was asked, for how many tokens and why, is "
        "in the ledger before the answer.",
        handler=tokens.detokenize,
        path_parameters=(DATASET,),
        body=NewReversal,
        body_example=examples.NEW_REVERSAL,
        answers={200: Reply(description="The values.", schema=Reversal, example=examples.REVERSAL)},
    ),
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/tokens/erase",
        name="erase_tokens",
        access=TOKENS_ERASE,
        group="Datasets",
        summary="Destroy the way back from tokens",
        description="For the organisation that holds the dataset. These tokens, or all tokens of these values, stand "
        "for nothing from then on. That it was done, for how many tokens and why, is in the ledger with it.",
        handler=tokens.erase_tokens,
        path_parameters=(DATASET,),
        body=NewTokenErasure,
        body_example=examples.NEW_ERASURE,
        answers={200: Reply(description="What was erased.", schema=TokenErasure, example=examples.ERASURE)},
    ),
)
