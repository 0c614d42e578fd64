"""The HTTP application on a running `Server`."""

import secrets
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from pydantic import TypeAdapter
from starlette.responses import JSONResponse, Response

from api import (
    accounts,
    aiming,
    alarms,
    anomalies,
    bans,
    channel_filing,
    channels,
    commands,
    completeness,
    configs,
    devices,
    diagnosis,
    divisions,
    events,
    exclusions,
    exports,
    figures,
    groups,
    health,
    imports,
    metrics,
    notices,
    outages,
    pages,
    profiles,
    ptz,
    queries,
    records,
    reports,
    sessions,
    subscriptions,
    traces,
    upgrades,
    uploads,
    waiting,
    webrtc,
)
from api.authentication import signed_in
from api.errors import Problem, add_error_handlers
from api.guard import Guard
from api.ports import Server

PREFIX = "/api/v1"
OPENAPI_PATH = "/api/openapi.json"
API_VERSION = "1.0"

DESCRIPTION = """Devices, channels, live pictures and online rates of a GB/T 28181 server.

Sign in by `POST /auth/login`, or send an API key; either goes into `Authorization: Bearer`.
Times are RFC 3339 with offset. Errors are `application/problem+json` with a stable `code`.
Lists are `{"items": [...], "next_cursor": ...}`.
"""


def create_app(server: Server, *, web: Path = pages.WEB) -> FastAPI:
    """Everything under one roof; `server` has been opened and outlives the application."""
    app = _routes()
    http_figures = figures.HttpFigures()
    app.state.server = server
    app.state.run_id = secrets.token_hex(4)
    app.state.event_streams = Counter[str]()
    app.state.uploads = uploads.Uploads()
    server.collector.add(http_figures.samples)
    document = JSONResponse(openapi_document())

    @app.get(OPENAPI_PATH, include_in_schema=False)
    async def openapi() -> Response:
        return document

    _ = openapi  # kept by the decorator
    app.include_router(pages.pages(web))
    add_error_handlers(app)
    app.add_middleware(Guard, figures=http_figures, monotonic=server.clock.monotonic)
    return app


@cache
def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1, as `/api/openapi.json` shows it; needs no running server.

    With the schemas of problem documents and of events, which no route returns as such.
    """
    document = _routes().openapi()
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = document["components"]["schemas"]
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for kind in events.NAMES.values():
        schemas[kind.__name__] = TypeAdapter(kind).json_schema()
    return document


def _routes() -> FastAPI:
    app = FastAPI(
        title="GB/T 28181 VMS",
        version=API_VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(health.probes)
    app.include_router(accounts.doors, prefix=PREFIX)
    # WHEP takes the token of its URL as well: it judges by itself.
    app.include_router(webrtc.router, prefix=PREFIX)
    # Devices have no account: the address they were given is their key.
    app.include_router(uploads.doors)
    guarded = APIRouter(dependencies=[Depends(signed_in)])
    for module in (
        accounts,
        # Their paths have a word where a device has its ID: they come first.
        waiting,
        devices,
        profiles,
        channels,
        channel_filing,
        divisions,
        groups,
        commands,
        queries,
        configs,
        ptz,
        aiming,
        records,
        upgrades,
        uploads,
        subscriptions,
        bans,
        notices,
        anomalies,
        sessions,
        diagnosis,
        outages,
        traces,
        metrics,
        exclusions,
        reports,
        completeness,
        alarms,
        events,
        imports,
        exports,
        health,
    ):
        guarded.include_router(module.router)
    # FastAPI builds every route of what is included without a prefix, only to look at its path.
    app.include_router(guarded, prefix=PREFIX)
    return app
