"""Whatever is sent to whichever route: a refusal with words, never a fault of ours.

Bodies are made from the OpenAPI document's own schemas and then bent, so that a route that is new
is tried as well.
"""

import json
import math
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import openapi_document
from api.pagination import encode_cursor
from tests.api.house import CAMERA, GATE, House, client_of
from vms.accounts.model import Role

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    2**200,
    1e308,
    math.nan,
    -math.inf,
    "",
    "\x00",
    "一" * 300,
    "\ud800",
    {"force": "perhaps"},
    *json.loads("[[], {}]"),
)
LONG: tuple[Any, ...] = ("x" * 70_000, json.loads(f"[{'[],' * 1_100}[]]"))
FILLED = {"device_id": GATE, "channel_id": CAMERA, "number": "0", "username": "li"}
OURS = {500}
"""What no request may make of us; 502 to 504 tell of devices and of limits."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path with its places filled, and schema of the body, of every route that has one."""
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                place = path
                for name, value in FILLED.items():
                    place = place.replace(f"{{{name}}}", value)
                yield method.upper(), place, content["application/json"]["schema"]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; of a choice the first."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(openapi_document()["components"]["schemas"][name])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return resolved(schema[choice][0])
    return schema


def sample(schema: dict[str, Any]) -> Any:
    """Something that fits by type, if not by range."""
    schema = resolved(schema)
    for name in ("examples", "enum"):
        if name in schema:
            return schema[name][0]
    if "properties" in schema:
        return {name: sample(each) for name, each in schema["properties"].items()}
    if "items" in schema:
        return [sample(schema["items"])]
    text = "2026-03-01T00:00:00Z" if schema.get("format") == "date-time" else "1"
    number = schema.get("minimum", 1)
    by_type: dict[Any, Any] = {"integer": number, "number": number, "boolean": True, "object": {}}
    return schema.get("const", by_type.get(schema.get("type"), text))


def bent(schema: dict[str, Any]) -> Iterator[Any]:
    """The sample; odd things in its place; odd things in the place of each of its fields."""
    whole = sample(schema)
    yield whole
    yield from (*ODD, *LONG)
    for name in resolved(schema).get("properties", {}):
        for odd in ODD:
            yield whole | {name: odd}
        yield {other: whole[other] for other in whole if other != name}


FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"
WORDS = ("\x00", "-1", "9" * 400, FIRST, LAST)
KEYS = ("\x00", "x", "9" * 30, "²", FIRST, LAST)
"""What a cursor of ours never stands for."""


def lists() -> Iterator[tuple[str, list[str]]]:
    """Path and query parameters of every route that reads and ends."""
    for path, methods in openapi_document()["paths"].items():
        operation = methods.get("get", {})
        names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        names = [name for name in names if name not in {"limit", "total"}]
        kinds = operation.get("responses", {}).get("200", {}).get("content", {})
        if names and "text/event-stream" not in kinds:
            place = path
            for name, value in FILLED.items():
                place = place.replace(f"{{{name}}}", value)
            yield place, names


@pytest.fixture
async def operator(app: FastAPI, house: House) -> AsyncGenerator[httpx.AsyncClient]:
    """Who may order everything; with users and keys, who can be locked out, nothing is tried."""
    async with client_of(app, await house.sign_in(Role.OPERATOR)) as client:
        yield client


async def test_no_body_makes_a_fault_of_ours(operator: httpx.AsyncClient) -> None:
    tried = 0
    for method, path, schema in operations():
        for body in bent(schema):
            answer = await operator.request(
                method,
                path,
                content=json.dumps(body).encode(),
                headers={"content-type": "application/json"},
            )
            tried += 1
            assert answer.status_code not in OURS, (method, path, str(body)[:200])
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
    assert tried > 1_000


async def test_no_text_makes_a_fault_of_ours(operator: httpx.AsyncClient) -> None:
    for method, path, _ in operations():
        for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN", b'{"a":1,"a":2}'):
            answer = await operator.request(
                method, path, content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code not in OURS, (method, path, content[:20])


@pytest.mark.parametrize("odd", ["0", "a", "%00", "1" * 21, "..", "%2e%2e", "一", "1%0a"])
async def test_no_name_in_a_path_makes_a_fault_of_ours(
    operator: httpx.AsyncClient, odd: str
) -> None:
    for path, methods in openapi_document()["paths"].items():
        if "{" not in path or path == "/api/v1/events":
            continue
        words = [odd if part.startswith("{") else part for part in path.split("/")]
        for method in methods:
            if "stream" in str(methods[method]["operationId"]).lower():
                continue
            answer = await operator.request(method.upper(), "/".join(words), json={})
            assert answer.status_code not in OURS, (method, words)


async def test_no_query_makes_a_fault_of_ours(operator: httpx.AsyncClient) -> None:
    tried = 0
    for path, names in lists():
        for name in names:
            keys = KEYS if name == "cursor" else ()
            for word in (*WORDS, *map(encode_cursor, keys)):
                answer = await operator.get(path, params={name: word})
                tried += 1
                assert answer.status_code not in OURS, (path, name, word)
    assert tried > 200
