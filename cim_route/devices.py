"""The devices of the user that asks, and logging one of them out."""

import time
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import ids
from cim_common.store import devices as store
from cim_common.wire.codes import Code
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts
from cim_route.problems import Problem


class DeviceShown(BaseModel):
    device_id: str
    last_seen: int = Field(description="Unix time in seconds; now for one that is online")
    online: bool
    ephemeral: bool = Field(description="it keeps nothing between runs")
    current: bool = Field(description="it is the one the token belongs to")


class DevicesShown(BaseModel):
    devices: list[DeviceShown] = Field(description="the one seen last first")


class DevicePath(BaseModel):
    device_id: str


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/devices`."""
    bp = APIBlueprint("devices", __name__, url_prefix="/v1", abp_tags=[Tag(name="devices")])

    @bp.get("/devices", summary="One's devices that are logged in", security=SECURITY, responses={200: DevicesShown})
    def listed() -> dict[str, Any]:
        found, current = signed_in(parts)
        servers = {server.ref for server in parts.registry.servers()}
        shown = parts.store.run(store.of_user(found.account.id, current, servers.__contains__, now_ms()))
        return DevicesShown(
            devices=[
                DeviceShown(
                    device_id=device.id,
                    last_seen=device.seen_ms // 1000,
                    online=device.online,
                    ephemeral=device.ephemeral,
                    current=device.current,
                )
                for device in shown
            ]
        ).model_dump()

    @bp.delete("/devices/<device_id>", summary="Log a device out", security=SECURITY, responses={204: None})
    def log_out(path: DevicePath) -> tuple[str, int]:
        found, _ = signed_in(parts)
        known = ids.is_device_id(path.device_id)
        if not known or parts.store.run(store.logout(found.account.id, path.device_id, now_ms(), True)) is None:
            raise Problem(Code.NO_SUCH_DEVICE)
        return "", 204

    return bp


def now_ms() -> int:
    return time.time_ns() // 1_000_000
