"""Learns how an account exchanges tokens, and how it answers an invalid JWT."""

from bridge.config import Secret
from bridge.errors import BridgeError, Fatal
from bridge.tracker import answers
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.schema import ResourceName

_MADE_UP = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJicmlkZ2UtY2hlY2sifQ.bWFkZS11cC1ieS1icmlkZ2UtY2hlY2s"
)
"""A well-formed JWT with an invalid signature."""


async def learn_tokens(client: Client, findings: Findings, readable: ResourceName) -> None:
    """Decide the assumptions about tokens. ``readable`` is a list that the token in use may read.

    What can't be tested stays open. Raises only ``Fatal``.
    """
    call = client.settings.exchange
    findings.prove("paths.exchange", f"{call.method} {call.path} issued the token in use")
    findings.prove("token.sent_as", f"the exchange accepted it under {client.settings.token.sent_as}")
    findings.prove("token.keys", "the token in use was found in its answer")
    ends = client.token_ends_at
    if ends is None:
        findings.leave_open("token.expires", "nothing shows when the token expires", "token.expires")
    else:
        findings.prove("token.expires", f"the token in use expires at {ends:%Y-%m-%d %H:%M} UTC")
    try:
        answer, refused = await client.answer_to(Secret(_MADE_UP), readable)
    except Fatal:
        raise
    except BridgeError as error:
        findings.leave_open("token.refused", f"a made-up JWT could not be tested: {error}", "token.refused")
        return
    said = f"a made-up JWT is {answers.describe_answer(answer)}"
    if refused:
        findings.prove("token.refused", said)
    elif answer.status in answers.SUCCESS and not answers.is_page(answer):
        findings.leave_open("token.refused", f"{said}: it is accepted", "token.refused")
    else:
        findings.ask(
            "token.refused",
            f"{said}; set token.refused to the statuses that mean an invalid JWT",
            "token.refused",
        )
