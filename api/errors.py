"""Every refusal as `application/problem+json` (RFC 9457): the one place that knows the statuses.

`code` is stable and meant for programs; `title` is for people, in the language they accept;
`detail` carries the values. `trace_id` is the one of the response header and of our log lines.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.language import language_of
from vms.accounts.errors import TooManyAttemptsError, WrongCredentialsError
from vms.errors import (
    ConflictError,
    DeviceOfflineError,
    ExhaustedError,
    ForbiddenError,
    InvalidError,
    NoAnswerError,
    NoMediaError,
    NotFoundError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
    VmsError,
)
from vms.site import Language

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUSES: Mapping[type[VmsError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    DeviceOfflineError: HTTPStatus.CONFLICT,
    NoAnswerError: HTTPStatus.GATEWAY_TIMEOUT,
    RejectedError: HTTPStatus.BAD_GATEWAY,
    UnsupportedError: HTTPStatus.CONFLICT,
    NoMediaError: HTTPStatus.BAD_GATEWAY,
    ExhaustedError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    WrongCredentialsError: HTTPStatus.UNAUTHORIZED,
    TooManyAttemptsError: HTTPStatus.TOO_MANY_REQUESTS,
}

TITLES: Mapping[str, Mapping[Language, str]] = {
    "not_found": {"en": "There is no such thing", "zh": "不存在"},
    "conflict": {"en": "It contradicts what is there", "zh": "与现有数据冲突"},
    "invalid": {"en": "A value makes no sense", "zh": "参数不正确"},
    "forbidden": {"en": "You may not do this", "zh": "没有权限"},
    "unauthenticated": {"en": "Sign in first", "zh": "请先登录"},
    "wrong_credentials": {"en": "Wrong name or password", "zh": "用户名或密码错误"},
    "too_many_attempts": {
        "en": "Too many attempts; try again later",
        "zh": "尝试次数过多 请稍后再试",
    },
    "foreign_origin": {"en": "The request came from another site", "zh": "请求来自其他站点"},
    "device_offline": {"en": "The device is offline", "zh": "设备不在线"},
    "no_answer": {"en": "The device did not answer in time", "zh": "设备未及时应答"},
    "rejected": {"en": "The device refused", "zh": "设备拒绝了请求"},
    "unsupported": {
        "en": "The device's edition of the standard does not have this",
        "zh": "设备的协议版本不支持该操作",
    },
    "no_media": {"en": "No picture arrived", "zh": "未收到可播放的画面"},
    "exhausted": {"en": "A limit of this server is reached", "zh": "服务器资源已用尽"},
    "unavailable": {"en": "A part of this server cannot serve now", "zh": "服务暂不可用"},
    "method_not_allowed": {"en": "Not by this method", "zh": "不支持该请求方法"},
    "not_acceptable": {"en": "Not to be had in that format", "zh": "无法提供所需的内容类型"},
    "precondition_failed": {"en": "It has changed meanwhile", "zh": "内容已被更改"},
    "precondition_required": {"en": "Say to which state it applies", "zh": "缺少前提条件"},
    "too_large": {"en": "The request is too large", "zh": "请求内容过大"},
    "unsupported_media_type": {"en": "Not in this format", "zh": "不支持该内容类型"},
    "bad_request": {"en": "The request cannot be read", "zh": "请求无法解析"},
    "internal": {
        "en": "The server failed; the trace ID finds the cause",
        "zh": "服务器内部错误 请提供追踪编号",
    },
}

_CODES_OF_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    428: "precondition_required",
}

RETRY_AFTER_S = 5


class UnauthenticatedError(Exception):
    """401: no credentials, or none that count."""


class ForeignOriginError(ForbiddenError):
    """A write that another site made the browser send."""

    code = "foreign_origin"


class FieldProblem(BaseModel):
    """One value that was refused."""

    field: str = Field(description="Where it is, for instance `body.device_id`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:vms:problem:device_offline",
                    "title": "The device is offline",
                    "status": 409,
                    "detail": "34020000001320000001 is offline",
                    "instance": "/api/v1/devices/34020000001320000001/catalog",
                    "code": "device_offline",
                    "trace_id": "5d0f0f6b8d0f4f5ea6b2d0c7a3f1e9b4",
                    "errors": [],
                    "facts": {"device_id": "34020000001320000001"},
                }
            ]
        }
    )

    type: str = Field(description="`urn:vms:problem:` and the code.")
    title: str = Field(description="For people, in the language of `Accept-Language` (zh, en).")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="The values of this occurrence, in English.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="Stable; for programs.")
    trace_id: str = Field(description="Finds the log lines of this request.")
    errors: list[FieldProblem] = Field(description="The refused values, if it was about values.")
    facts: dict[str, str | int | float] = Field(description="Values of this occurrence by name.")


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    facts: Mapping[str, str | int | float] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A refusal as a response."""
    language = language_of(request.headers.get("accept-language", ""))
    body = Problem(
        type=f"urn:vms:problem:{code}",
        title=TITLES[code][language],
        status=status,
        detail=detail,
        instance=request.url.path,
        code=code,
        trace_id=str(request.scope.get("trace_id", "")),
        errors=list(errors),
        facts=dict(facts or {}),
    )
    return JSONResponse(
        body.model_dump(),
        status_code=int(status),
        media_type=PROBLEM_TYPE,
        headers={"Content-Language": language, **(headers or {})},
    )


def _headers(status: HTTPStatus, error: VmsError) -> dict[str, str]:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": "Bearer"}
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": str(RETRY_AFTER_S)}
        case HTTPStatus.TOO_MANY_REQUESTS:
            return {"Retry-After": str(math.ceil(float(error.facts["retry_after_s"])))}
        case _:
            return {}


def add_error_handlers(app: FastAPI) -> None:
    """Make every way to fail a problem document."""

    @app.exception_handler(VmsError)
    async def vms_error(request: Request, error: VmsError) -> Response:
        status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        return problem(
            request,
            status,
            error.code,
            error.message,
            facts=error.facts,
            headers=_headers(status, error),
        )

    @app.exception_handler(UnauthenticatedError)
    async def unauthenticated(request: Request, error: UnauthenticatedError) -> Response:
        return problem(
            request, 401, "unauthenticated", str(error), headers={"WWW-Authenticate": "Bearer"}
        )

    @app.exception_handler(RequestValidationError)
    async def refused_values(request: Request, error: RequestValidationError) -> Response:
        # Without the input: it may be a password.
        errors = [
            FieldProblem(field=".".join(map(str, one["loc"])), message=str(one["msg"]))
            for one in error.errors()
        ]
        detail = "; ".join(f"{one.field}: {one.message}" for one in errors[:3])
        return problem(request, 422, "invalid", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        code = _CODES_OF_STATUS.get(error.status_code, "bad_request")
        return problem(request, error.status_code, code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def our_mistake(request: Request, error: Exception) -> Response:
        log.error("a request failed by our own fault", path=request.url.path, exc_info=error)
        return problem(request, 500, "internal", "the request was not carried out")

    # FastAPI keeps them by the decorator; the names serve the reader.
    _ = (vms_error, unauthenticated, refused_values, http_error, our_mistake)
