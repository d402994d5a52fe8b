"""Refusals of requests as problem documents (RFC 9457): what is wrong, and what to do."""

from collections.abc import Mapping, Sequence

from trackerrms_contracts.webhooks import FieldFault, Problem

CONTENT_TYPE = "application/problem+json"
_TYPE = "urn:trackerrms-bridge:problem:"

TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timed out",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    417: "Expectation failed",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


class RequestRefused(Exception):
    """Ends a request with a problem document. ``detail`` says what to do and holds no secret."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> Problem:
        """Return the problem document for the client."""
        title = TITLES.get(self.status, "The request failed")
        return Problem(
            type=_TYPE + title.lower().replace(" ", "-"),
            title=title,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )


def malformed(detail: str) -> RequestRefused:
    """Return the 400 for a request that can't be parsed."""
    return RequestRefused(400, detail)


def unauthorized() -> RequestRefused:
    """Return the 401. It gives no reason, so that a caller without a token learns nothing."""
    return RequestRefused(
        401,
        "send Authorization: Bearer with a token that is neither revoked nor expired; an operator creates "
        "one with: bridge tokens create",
        headers={"WWW-Authenticate": 'Bearer realm="bridge"'},
    )


def not_found(what: str) -> RequestRefused:
    """Return the 404, also for an object that the token may not see: both look the same."""
    return RequestRefused(404, f"no such {what}; list the existing ones with GET")


def invalid(errors: Sequence[FieldFault]) -> RequestRefused:
    """Return the 422 for invalid fields."""
    return RequestRefused(422, "; ".join(f"{one.field}: {one.detail}" for one in errors), errors=errors)


def conflict(detail: str) -> RequestRefused:
    """Return the 409 for a request that the current state does not allow."""
    return RequestRefused(409, detail)


def too_many(retry_after_seconds: int) -> RequestRefused:
    """Return the 429 for a token over its rate limit."""
    return RequestRefused(
        429,
        f"the token made too many requests; wait {retry_after_seconds} s",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def unavailable() -> RequestRefused:
    """Return the 503 for a dependency that does not answer; the log names it."""
    # A commit whose answer was lost may have taken effect.
    detail = "try again in a few seconds; the change may already have been made, so check first"
    return RequestRefused(503, detail, headers={"Retry-After": "5"})
