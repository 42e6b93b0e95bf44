"""What a v2 client may ask about its user's devices, and its user's settings."""

from typing import Any

from cim_common import ids
from cim_common.store import devices, settings
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow
from cim_common.store.interest import Liveness
from cim_common.wire.codes import Code
from cim_common.wire.messages import DeviceList, Devices, LogoutDevice, Setting
from cim_server.answers import Table, answer, done, fail, unanswered
from cim_server.audit import log_out
from cim_server.channel import Channel
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions


class DeviceRequests:
    """Devices and settings of the user that asks; `server` is this run (`id:epoch`)."""

    def __init__(self, link: RedisLink, clock: StoreClock, sessions: Sessions, liveness: Liveness, server: str) -> None:
        self._link = link
        self._clock = clock
        self._sessions = sessions
        self._liveness = liveness
        self._server = server
        self.table: Table = {Devices: self._devices, LogoutDevice: self._logout, Setting: self._setting}

    def _devices(self, channel: Channel, event: Devices) -> None:
        session: Session = channel.session
        flow = devices.of_user(session.user, session.device, self._lives, self._clock.now_ms())
        self._link.run(flow, lambda outcome: self._listed(channel, event, outcome))

    def _lives(self, server: str) -> bool:
        return server == self._server or self._liveness.is_registered(server)

    def _listed(self, channel: Channel, event: Devices, outcome: Any) -> None:
        if not unanswered(channel, event.request, outcome):
            answer(channel, DeviceList(event.request, tuple(outcome)))

    def _logout(self, channel: Channel, event: LogoutDevice) -> None:
        session: Session = channel.session
        if not ids.is_device_id(event.device):
            fail(channel, event.request, Code.NO_SUCH_DEVICE)
            return
        flow = devices.logout(session.user, event.device, self._clock.now_ms(), True, self._server)
        self._link.run(flow, lambda outcome: self._logged_out(channel, event, outcome))

    def _logged_out(self, channel: Channel, event: LogoutDevice, outcome: Any) -> None:
        """The answer comes before the end: a device may log itself out."""
        if unanswered(channel, event.request, outcome):
            return
        if outcome is None:
            fail(channel, event.request, Code.NO_SUCH_DEVICE)
            return
        done(channel, event.request)
        session: Session = channel.session
        holder = outcome.session
        if holder is not None and holder.server == self._server:
            self._sessions.end(session.user, event.device, holder.connection, log_out)

    def _setting(self, channel: Channel, event: Setting) -> None:
        session: Session = channel.session
        flow: Flow[bool]
        if event.name in settings.OF_CONVERSATION and event.conversation:
            flow = settings.set_flag(session.user, event.conversation, event.name, event.on)
        elif event.name in settings.OF_ACCOUNT and not event.conversation:
            flow = settings.set_of_account(session.user, event.name, event.on)
        else:
            fail(channel, event.request, Code.NO_SUCH_SETTING, event.conversation)
            return
        self._link.run(flow, lambda outcome: self._set(channel, event, outcome))

    def _set(self, channel: Channel, event: Setting, outcome: Any) -> None:
        if unanswered(channel, event.request, outcome, event.conversation):
            return
        if not outcome:
            fail(channel, event.request, Code.NO_SUCH_CONVERSATION, event.conversation)
            return
        if event.name == "receipts":
            session: Session = channel.session
            for other in self._sessions.of_user(session.user):
                other.receipts = event.on
        done(channel, event.request)
