"""Why a device is not there, and how its channels played last."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.authentication import Reader, TheServer
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from api.sessions import DiagnosisOut, Shows, Trace, trace_of

router = APIRouter(tags=["diagnosis"])


class PlayFinding(BaseModel):
    """The last play of one channel."""

    channel_id: str
    session_id: str
    diagnosis: DiagnosisOut


class DeviceDiagnosis(BaseModel):
    """A device, and those of its channels that were played lately."""

    device_id: str
    diagnosis: DiagnosisOut
    plays: list[PlayFinding] = Field(description="The latest first.")


@router.get(
    "/devices/{device_id}/diagnosis",
    operation_id="getDeviceDiagnosis",
    summary="Why a device is not there",
    responses=PROBLEMS,
)
async def get_device_diagnosis(
    device_id: DeviceIdPath, server: TheServer, caller: Reader
) -> DeviceDiagnosis:
    """Of any ID, on file or not: a device that never came has a cause too."""
    _ = caller
    explainer = server.explainer
    return DeviceDiagnosis(
        device_id=device_id,
        diagnosis=DiagnosisOut.model_validate(explainer.device(device_id)),
        plays=[
            PlayFinding(
                channel_id=play.view.channel_id,
                session_id=play.view.session_id,
                diagnosis=DiagnosisOut.model_validate(play.diagnosis),
            )
            for play in await explainer.last_plays(device_id)
        ],
    )


@router.get(
    "/devices/{device_id}/channels/{channel_id}/last-play",
    operation_id="getLastPlay",
    summary="The play trace of a channel's last play",
    responses=PROBLEMS,
)
async def get_last_play(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Reader,
    shows: Shows = None,
) -> Trace:
    """The session that runs, else the one that ended last; 404 where none is remembered."""
    _ = caller
    wanted = frozenset(shows) if shows is not None else None
    return trace_of(await server.explainer.last_play(device_id, channel_id, wanted))
