"""How alembic runs here: inside the connection, and so the transaction, that the caller opened."""

from typing import TYPE_CHECKING, cast

from alembic import context

if TYPE_CHECKING:
    from sqlalchemy import Connection

connection = cast("Connection", context.config.attributes["connection"])
context.configure(
    connection=connection,
    # SQLite changes a table by making it anew.
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
