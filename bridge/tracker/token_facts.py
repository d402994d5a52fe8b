"""Learns how an account exchanges tokens, and how it answers a JWT that is not good."""

from bridge.config import Secret
from bridge.errors import BridgeError, Fatal
from bridge.tracker import answers
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.schema import ResourceName

_MADE_UP = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJicmlkZ2UtY2hlY2sifQ.bWFkZS11cC1ieS1icmlkZ2UtY2hlY2s"
)
"""The form of a JWT, signed by nobody."""


async def learn_tokens(client: Client, findings: Findings, readable: ResourceName) -> None:
    """Settle what is assumed of tokens. ``readable`` is a list that the token in use may read.

    What can't be asked is left open. Raises ``Fatal`` alone.
    """
    call = client.settings.exchange
    findings.prove("paths.exchange", f"{call.method} {call.path} gave the token in use")
    findings.prove("token.sent_as", f"the exchange took it under {client.settings.token.sent_as}")
    findings.prove("token.keys", "the token in use was found in its answer")
    ends = client.token_ends_at
    if ends is None:
        findings.leave_open("token.expires", "nothing tells until when the token is good", "token.expires")
    else:
        findings.prove("token.expires", f"the token in use is good until {ends:%Y-%m-%d %H:%M} UTC")
    try:
        answer, refused = await client.answer_to(Secret(_MADE_UP), readable)
    except Fatal:
        raise
    except BridgeError as error:
        findings.leave_open("token.refused", f"a made-up JWT could not be tried: {error}", "token.refused")
        return
    said = f"a made-up JWT is {answers.describe_answer(answer)}"
    if refused:
        findings.prove("token.refused", said)
    elif answer.status in answers.SUCCESS and not answers.is_page(answer):
        findings.leave_open("token.refused", f"{said}: it is read all the same", "token.refused")
    else:
        findings.ask(
            "token.refused", f"{said}; set token.refused to the statuses that mean so", "token.refused"
        )
