"""What is subscribed at devices (9.11). Which kinds are wanted is set in the device's profile."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Operator, Reader, TheServer
from api.orders import note
from api.pagination import PageOf
from api.schemas import PROBLEMS, DeviceIdPath
from vms.inventory.subscriptions import SubscriptionKind, SubscriptionState

router = APIRouter(tags=["subscriptions"])


class SubscriptionOut(BaseModel):
    """How one subscription stands."""

    model_config = ConfigDict(from_attributes=True)

    kind: SubscriptionKind
    state: SubscriptionState
    is_wanted: bool = Field(
        description="By the profile's `subscribe_...`, where it says nothing by what the device is."
    )
    since: datetime | None = Field(description="Since when it stands so.")
    expires_at: datetime | None
    last_notify_at: datetime | None
    notifies: int = Field(description="NOTIFYs of that kind since our start.")
    error: str = Field(description="Why the last attempt failed, empty else.")


@router.get(
    "/devices/{device_id}/subscriptions",
    operation_id="listSubscriptions",
    summary="What is subscribed at a device",
    responses=PROBLEMS,
)
async def list_subscriptions(
    device_id: DeviceIdPath, server: TheServer, caller: Reader
) -> PageOf[SubscriptionOut]:
    """Every kind, held or not, as it stands; the device is not asked."""
    _ = caller
    found = server.subscriptions.of(device_id)
    items = [SubscriptionOut.model_validate(each) for each in found]
    return PageOf(items=items, next_cursor=None)


@router.post(
    "/devices/{device_id}/subscriptions/{kind}/refresh",
    operation_id="refreshSubscription",
    summary="Renew a subscription now",
    status_code=202,
    responses=PROBLEMS,
)
async def refresh_subscription(
    device_id: DeviceIdPath, kind: SubscriptionKind, server: TheServer, caller: Operator
) -> SubscriptionOut:
    """In its dialog where there is one, anew where it failed or was refused, whatever pause was
    left; nothing happens where it is not wanted or the device is not there."""
    await note(server, caller, "refresh subscription", device_id, kind=kind.value)
    server.subscriptions.refresh_now(device_id, kind)
    [found] = [each for each in server.subscriptions.of(device_id) if each.kind is kind]
    return SubscriptionOut.model_validate(found)
