"""What a form of a page says, and which of its fields cannot be so."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

Model = TypeVar("Model", bound=BaseModel)


async def sent(request: Request) -> dict[str, str]:
    """The fields of the form; a file, or what is no text, is left out. Of a name that comes twice, the last."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


def read(model: type[Model], fields: Mapping[str, Any]) -> tuple[Model | None, dict[str, str]]:
    """`fields` as `model`, those left empty left out; or None, and what is wrong by the name of the field: "missing",
    "short", or "wrong". The words for it are the page's."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value != ""}), {}
    except ValidationError as error:
        kinds = {"missing": "missing", "string_too_short": "short"}
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return None, {
            str(fault["loc"][0]) if fault["loc"] else "": kinds.get(fault["type"], "wrong") for fault in faults
        }
