"""What every call may answer beside what is its own, for the published API schema."""

from typing import Any

ERROR = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "As in the `error` frames of the sockets."},
        "message": {"type": "string"},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "retry_after": {"type": "number", "description": "Seconds."},
        "seq": {"type": "integer", "description": "With 410: go on after it."},
    },
    "required": ["code", "message"],
}
ALWAYS = {
    "400": "Malformed, or `too_long`; `fields` says what.",
    "401": "Who are you? A credential that is shown but bad is refused, too.",
    "403": "Not for you.",
    "429": "Too fast.",
    "503": "Not now.",
}
WITH_PARAMETERS = {"404": "There is no such thing, page, or none that you may know of."}
WITH_BODY = {"413": "The body is too large.", "415": "The body is not JSON."}


def document_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: every error is documented, with its body."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            errors = {
                **ALWAYS,
                **(WITH_PARAMETERS if operation.get("parameters") else {}),
                **(WITH_BODY if "requestBody" in operation else {}),
            }
            _add(operation["responses"], errors)
    return result


def _add(responses: dict[str, Any], errors: dict[str, str]) -> None:
    for status, description in errors.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if status >= "400":
            schema = {"$ref": "#/components/schemas/Error"}
            response["content"] = {"application/json": {"schema": schema}}
