"""What concerns one's account and not one conversation: devices, scheduled messages, who is online."""

import math
import re
import secrets
from datetime import datetime
from functools import partial

import trio

from cim_client.core import Core
from cim_client.errors import OutcomeUnknown, Refused, Unavailable
from cim_client.types import Device, Presence, Receipt, Scheduled, scheduled_of, time_of
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.messages import (
    Cancel,
    DeviceList,
    Devices,
    LogoutDevice,
    PresenceInfo,
    Schedule,
    ScheduleList,
    Schedules,
)
from cim_common.wire.messages import Presence as AskPresence

AGAIN_S = 0.3
"""How soon route is asked again when it does not say."""


class Account:
    """Calls about the account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def devices(self) -> list[Device]:
        answer: DeviceList = await self._core.requests.ask(Devices)
        return [
            Device(device.id, time_of(device.seen_ms), device.online, device.current, device.ephemeral)
            for device in answer.devices
        ]

    async def log_out_device(self, device: str) -> None:
        await self._core.requests.ask(lambda request: LogoutDevice(request, device), done_already=Code.NO_SUCH_DEVICE)

    async def presence(self, name: str) -> Presence:
        answer: PresenceInfo = await self._core.requests.ask(lambda request: AskPresence(request, name))
        return Presence(answer.online, time_of(answer.seen_ms) if answer.seen_ms else None)

    # -- through route -----------------------------------------------------------------------------------

    async def send_once(self, to: str, text: str, key: str, reply_to: int | None, timeout_s: float) -> Receipt:
        if not re.fullmatch(ids.IDEMPOTENCY_KEY, key):
            raise Refused(Code.BAD_REQUEST, "A key is 1 to 128 visible ASCII characters.")
        self._core.requests.check_open()
        with trio.move_on_after(timeout_s):
            while True:
                try:
                    answer = await self._core.api.send(to, text, reply_to, key, self._core.token)
                    return Receipt(answer["conversation"], answer["seq"], answer["message_id"])
                except Unavailable as error:  # the key makes asking again safe
                    await trio.sleep(max(error.after_s, AGAIN_S))
        raise OutcomeUnknown

    # -- scheduled messages ------------------------------------------------------------------------------

    async def schedule(self, to: str, text: str, in_s: float | None, at: datetime | None) -> Scheduled:
        conversation = await self._core.names.conversation(to)
        return await self._schedule(secrets.token_hex(8), conversation, text, self._time_ms(in_s, at))

    async def scheduled(self) -> list[Scheduled]:
        found: list[Scheduled] = []
        more = True
        while more:
            after = found[-1].id if found else ""
            answer: ScheduleList = await self._core.requests.ask(partial(Schedules, after=after))
            found += map(scheduled_of, answer.schedules)
            more = answer.more and bool(answer.schedules)
        return sorted(found, key=lambda waiting: waiting.at)

    async def reschedule(self, schedule: str, text: str | None, in_s: float | None, at: datetime | None) -> Scheduled:
        waiting = next((waiting for waiting in await self.scheduled() if waiting.id == schedule), None)
        if waiting is None:
            await self.cancel(schedule)  # nothing waits under that id: this says what became of it
            raise Refused(Code.NO_SUCH_SCHEDULE)
        at_ms = round(waiting.at.timestamp() * 1000)
        if in_s is not None or at is not None:
            at_ms = self._time_ms(in_s, at)
        return await self._schedule(schedule, waiting.conversation, waiting.text if text is None else text, at_ms)

    async def _schedule(self, schedule: str, conversation: str, text: str, at_ms: int) -> Scheduled:
        await self._core.requests.ask(lambda request: Schedule(request, schedule, conversation, at_ms, text))
        return Scheduled(schedule, conversation, text, time_of(at_ms))

    async def cancel(self, schedule: str) -> None:
        await self._core.requests.ask(lambda request: Cancel(request, schedule), done_already=Code.NO_SUCH_SCHEDULE)

    def _time_ms(self, in_s: float | None, at: datetime | None) -> int:
        if (in_s is None) == (at is None):
            raise ValueError("Say when: either in_s or at.")
        if at is not None:
            return round(at.timestamp() * 1000)
        assert in_s is not None
        if not math.isfinite(in_s):
            raise Refused(Code.BAD_TIME)
        return self._core.cluster_time_ms() + round(in_s * 1000)
