"""The OpenAPI document on file is the one the application serves, and fit for generators."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

from api.app import openapi_document
from api.events import NAMES

FILE = Path(__file__).parents[2] / "api" / "openapi.json"


def test_the_document_on_file_is_current() -> None:
    """`vms openapi > api/openapi.json` makes it so again."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == openapi_document()


async def test_the_document_is_served_to_anyone(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/api/openapi.json")).json() == openapi_document()


def test_every_operation_has_a_stable_name_and_words_of_its_own() -> None:
    document = openapi_document()
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]

    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(name.isalpha() and name[0].islower() for name in names)
    assert all(operation["summary"] and operation["description"] for operation in operations)


def test_every_schema_is_described() -> None:
    schemas = openapi_document()["components"]["schemas"]

    bare = [
        name
        for name, schema in schemas.items()
        if not schema.get("description") and not name.startswith("PageOf_")
    ]
    assert bare == []


def test_every_reference_leads_somewhere() -> None:
    document = openapi_document()
    text = json.dumps(document)

    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])


def test_every_kind_of_event_has_its_schema() -> None:
    schemas = openapi_document()["components"]["schemas"]

    assert {kind.__name__ for kind in NAMES.values()} <= set(schemas)
    assert schemas["DeviceWentOffline"]["properties"]["at"]["format"] == "date-time"


def test_names_are_snake_case() -> None:
    for name, schema in openapi_document()["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert field == field.lower(), (name, field)


def test_the_api_stands_on_the_application_alone() -> None:
    """Importing it does not open the door to machinery it must not know."""
    code = (
        "import sys, api.app; "
        "print([name for name in ('media.relay', 'sip.net.endpoint', 'config.settings') "
        "if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert shown.stdout.strip() == "[]"
