"""The HTTP application on a house of scripted cameras, and clients of each role."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from tests.api.house import House, client_of, database_url, open_house
from vms.accounts.model import Role
from vms.persistence.database import Database


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("empty")

    async def migrate() -> None:
        async with Database.open(database_url(folder)):
            pass

    asyncio.run(migrate())
    return folder


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path) -> Path:
    """With an empty database in it."""
    for file in empty_database.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture
async def house(folder: Path) -> AsyncGenerator[House]:
    """Two devices, one of them registered with two channels."""
    async with open_house(folder) as opened:
        await opened.add_cameras()
        yield opened


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A built page."""
    folder = tmp_path / "_web"
    (folder / "assets").mkdir(parents=True)
    (folder / "swagger").mkdir()
    (folder / "index.html").write_text('<meta property="csp-nonce" nonce="__CSP_NONCE__">')
    (folder / "assets" / "page-abc.js").write_text("start()")
    (folder / "swagger" / "swagger-ui.css").write_text("body {}")
    (tmp_path / "outside.txt").write_text("canary-outside")
    return folder


@pytest.fixture
def app(house: House, web: Path) -> FastAPI:
    """The application under test."""
    return create_app(house, web=web)


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """Without credentials."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, house: House) -> AsyncGenerator[httpx.AsyncClient]:
    """May do everything."""
    async with client_of(app, await house.sign_in(Role.ADMIN)) as client:
        yield client


@pytest.fixture
async def viewer(app: FastAPI, house: House) -> AsyncGenerator[httpx.AsyncClient]:
    """May look."""
    async with client_of(app, await house.sign_in(Role.VIEWER)) as client:
        yield client
