"""The web page and the viewer of the OpenAPI document, from our own files alone."""

import secrets
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from api.guard import content_security_policy

WEB = Path(__file__).parent / "_web"
"""The built page; `swagger/` in it holds the files of swagger-ui-dist."""

NEVER_A_PAGE = ("api/", "healthz", "readyz", "metrics")
INDEX = "index.html"
YEAR_S = 31_536_000

NONCE_PLACEHOLDER = "__CSP_NONCE__"
"""What the build writes where a nonce belongs (Vite's `html.cspNonce`)."""

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>GB/T 28181 VMS</title>
<p>The web page has not been built: <code>make web</code>. The API is at
<a href="/api/docs">/api/docs</a>.</p></html>
"""

DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>API - GB/T 28181 VMS</title>
<link rel="stylesheet" href="/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/swagger/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""

DOCS_START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""


def pages(web: Path = WEB) -> APIRouter:
    """Static files under `web`; any other path is the page's own and gets its `index.html`."""
    router = APIRouter(include_in_schema=False)
    root = web.resolve()

    @router.get("/api/docs")
    async def docs() -> Response:
        return HTMLResponse(DOCS)

    @router.get("/api/docs/start.js")
    async def docs_start() -> Response:
        return Response(DOCS_START, media_type="text/javascript")

    @router.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def page(request: Request, path: str) -> Response:
        if path.startswith(NEVER_A_PAGE) or path == "api":
            raise HTTPException(404, f"no {request.url.path}")
        file = _inside(root, path)
        if file is not None and path != INDEX:
            # Vite names what is under assets/ by its content.
            is_lasting = path.startswith("assets/")
            caching = f"public, max-age={YEAR_S}, immutable" if is_lasting else "no-cache"
            return FileResponse(file, headers={"Cache-Control": caching})
        if Path(path).suffix and path != INDEX:
            raise HTTPException(404, f"no {request.url.path}")
        index = _inside(root, INDEX)
        if index is None:
            return HTMLResponse(NOT_BUILT)
        return _index_page(index, request.url.hostname)

    # The router keeps them by the decorator; the names serve the reader.
    _ = (docs, docs_start, page)
    return router


def _index_page(index: Path, host: str | None) -> Response:
    """The page with a fresh nonce, so that its own style elements pass a strict policy."""
    nonce = secrets.token_urlsafe(16)
    text = index.read_text(encoding="utf-8").replace(NONCE_PLACEHOLDER, nonce)
    return HTMLResponse(
        text,
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": content_security_policy(nonce, host),
        },
    )


def _inside(root: Path, path: str) -> Path | None:
    """The file of that name, only if it really lies under the root."""
    try:
        file = (root / path).resolve()
        return file if file.is_relative_to(root) and file.is_file() else None
    except (OSError, ValueError):  # over-long names, NUL
        return None
