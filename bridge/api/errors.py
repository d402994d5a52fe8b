"""Why a request is refused, as a problem document (RFC 9457): what is wrong, and what to do."""

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
    408: "The request took too long to arrive",
    409: "Not possible now",
    413: "Too large",
    415: "Unsupported media type",
    417: "Expectation failed",
    422: "Invalid request",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available now",
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
        """What the client gets."""
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
    """The request can't be read."""
    return RequestRefused(400, detail)


def unauthorized() -> RequestRefused:
    """Nothing is said of why: who has no token learns nothing."""
    return RequestRefused(
        401,
        "send Authorization: Bearer with a token that is neither revoked nor expired; an operator makes one "
        "with: bridge tokens create",
        headers={"WWW-Authenticate": 'Bearer realm="bridge"'},
    )


def not_found(what: str) -> RequestRefused:
    """There is none, or none that the token may see: both look alike."""
    return RequestRefused(404, f"there is no such {what}; list those that there are with GET")


def invalid(errors: Sequence[FieldFault]) -> RequestRefused:
    """Some fields are not as they must be."""
    return RequestRefused(422, "; ".join(f"{one.field}: {one.detail}" for one in errors), errors=errors)


def conflict(detail: str) -> RequestRefused:
    """It can't be done as things stand."""
    return RequestRefused(409, detail)


def too_many(retry_after_seconds: int) -> RequestRefused:
    """Over the rate."""
    return RequestRefused(
        429,
        f"the token made too many requests; wait {retry_after_seconds} s",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def unavailable() -> RequestRefused:
    """What the API stands on does not answer; the log says what."""
    # A commit whose answer was lost may have taken effect.
    detail = "try again in a few seconds; what was to be changed may have been, so look first"
    return RequestRefused(503, detail, headers={"Retry-After": "5"})
