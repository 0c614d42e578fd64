"""Is it alive, can it serve, and who is it."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.authentication import Reader, TheServer, credential_of, judge, source_of
from api.language import language_of
from api.schemas import PROBLEMS
from vms.accounts.rights import Action
from vms.metrics.collector import CONTENT_TYPE
from vms.site import Language

WARNINGS: Mapping[str, Mapping[Language, str]] = {
    "digest_not_required": {
        "en": "sip.require_digest is false: any device is let in without a password.",
        "zh": "sip.require_digest 已关闭: 任何设备无需密码即可接入",
    },
    "receive_buffer_small": {
        "en": "The kernel granted a small SIP receive buffer; messages may be lost in a rush. "
        "Raise net.core.rmem_max to 33554432.",
        "zh": "SIP 接收缓冲区过小 高峰时可能丢失消息 请将 net.core.rmem_max 调至 33554432",
    },
    "overloaded": {
        "en": "More devices register than can be served; some are told to come back later.",
        "zh": "注册请求过多 部分设备已被告知稍后重试",
    },
    "media_worker_gone": {
        "en": "A process of the media plane is gone and is being started again.",
        "zh": "媒体进程异常退出 正在重新启动",
    },
    "clock_stepped": {
        "en": "The system clock was stepped while the server ran; restart to follow it.",
        "zh": "运行期间系统时钟发生跳变 重启后生效",
    },
    "no_tls": {
        "en": "The page is served without TLS beyond this machine.",
        "zh": "网页未启用 TLS 且可被其他主机访问",
    },
}
"""What an administrator should see, by code."""

WARNING_PREFIX = "warning."

probes = APIRouter(tags=["health"])
router = APIRouter(tags=["site"])


Verdict = Literal["ok", "warning", "failed"]

log = structlog.get_logger(__name__)


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests and devices can be served."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, Verdict] = Field(description="By name; warnings do not count.")


class SiteWarning(BaseModel):
    """Something an administrator should change."""

    code: str = Field(description="Stable.")
    text: str = Field(description="In the language of `Accept-Language` (zh, en).")


class Site(BaseModel):
    """What a device is configured with to find us."""

    version: str
    server_id: str = Field(
        description="SIP server ID, 20 digits.", examples=["34020000002000000001"]
    )
    domain: str = Field(description="SIP domain (realm).", examples=["3402000000"])
    addresses: list[str] = Field(description="Ours, as devices can reach them.")
    sip_port: int = Field(description="UDP and TCP.", examples=[5060])
    time_zone: str = Field(examples=["Asia/Shanghai"])
    admission: str = Field(description="`open`, `approve` or `listed`.")
    require_digest: bool
    has_shared_password: bool = Field(description="Else each device has a secret of its own.")
    redirects: dict[str, str] = Field(
        description="Devices that are sent on to another server: its SIP URI by the first digits "
        "of their IDs (`sip.redirects`).",
        examples=[{"340203": "sip:34020300002000000001@192.0.2.20:5060"}],
    )
    online_target: float = Field(description="The online rate to be reached.", examples=[0.9])
    coverage_limit: float = Field(
        description="Under this coverage a rate is no evidence.", examples=[0.95]
    )
    cut_off_day: int = Field(
        description="When this day of a month begins, the month that is reported ends; 1: the "
        "calendar's month.",
        examples=[25],
    )
    report_level: int = Field(description="Digits of a civil code that make a region.")
    warnings: list[SiteWarning]


@probes.get("/healthz", operation_id="health", summary="The process lives")
async def health() -> Health:
    """Asks nobody."""
    return Health()


@probes.get(
    "/readyz",
    operation_id="readiness",
    summary="Requests and devices can be served",
    responses={200: {"model": Readiness}, 503: {"model": Readiness}},
)
async def readiness(server: TheServer) -> JSONResponse:
    """Database, SIP sockets, conservation of the ledger. What is wrong is told in the log."""
    found = await server.readiness()
    checks: dict[str, Verdict] = {name: _verdict(name, wrong) for name, wrong in found.items()}
    is_ready = "failed" not in checks.values()
    for name, wrong in found.items():
        if wrong:
            log.warning("a readiness check does not hold", check=name, wrong=wrong)
    body = Readiness(status="ready" if is_ready else "not_ready", checks=checks)
    return JSONResponse(body.model_dump(), 200 if is_ready else 503)


def _verdict(name: str, wrong: str) -> Verdict:
    if not wrong:
        return "ok"
    return "warning" if name.startswith(WARNING_PREFIX) else "failed"


async def may_scrape(request: Request, server: TheServer) -> None:
    """Loopback itself, or a key. What a proxy on this machine forwards is not loopback itself."""
    is_forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
    host = source_of(request)
    if not is_forwarded and _is_loopback(host):
        return
    caller = await judge(server, credential_of(request), host)
    caller.require(Action.READ)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@probes.get(
    "/metrics",
    operation_id="prometheus",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=[Depends(may_scrape)],
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def prometheus(server: TheServer) -> Response:
    """From loopback without a key."""
    return Response(server.collector.exposition(), headers={"Content-Type": CONTENT_TYPE})


@router.get("/site", operation_id="getSite", summary="Who this server is", responses=PROBLEMS)
async def get_site(request: Request, server: TheServer, caller: Reader) -> Site:
    """What to enter in a camera, and what an administrator should change."""
    _ = caller
    site = server.site()
    language = language_of(request.headers.get("accept-language", ""))
    return Site(
        version=site.version,
        server_id=site.server_id,
        domain=site.domain,
        addresses=list(site.addresses),
        sip_port=site.sip_port,
        time_zone=site.time_zone,
        admission=site.admission,
        require_digest=site.require_digest,
        has_shared_password=site.has_shared_password,
        redirects=dict(site.redirects),
        online_target=site.online_target,
        coverage_limit=site.coverage_limit,
        cut_off_day=site.cut_off_day,
        report_level=site.report_level,
        warnings=[SiteWarning(code=code, text=WARNINGS[code][language]) for code in site.warnings],
    )
