"""Whether route is up, and whether it can work."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common.store.flow import Flow, StoreError, StoreUnavailable
from cim_common.wire.codes import Code
from cim_route.parts import Parts
from cim_route.problems import STORE_RETRY_S, Problem


class Health(BaseModel):
    status: str


class Ready(BaseModel):
    status: str
    servers: int = Field(description="IM servers that logins are sent to")


def blueprint(parts: Parts) -> APIBlueprint:
    """`/healthz`, `/readyz`."""
    bp = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")])

    @bp.get("/healthz", summary="The process is up", responses={200: Health})
    def healthz() -> dict[str, str]:
        return Health(status="ok").model_dump()

    @bp.get("/readyz", summary="Logins work; 503 says in `missing` what does not answer", responses={200: Ready})
    def readyz() -> dict[str, Any]:
        missing = [] if _store_answers(parts) else ["store"]
        if not parts.registry.servers():
            missing.append("servers")
        if missing:
            code = Code.STORE_UNAVAILABLE if "store" in missing else Code.NO_SERVER
            detail = f"Missing: {', '.join(missing)}."
            raise Problem(code, detail, after_s=STORE_RETRY_S, more={"missing": missing})
        return Ready(status="ready", servers=len(parts.registry.servers())).model_dump()

    return bp


def _store_answers(parts: Parts) -> bool:
    try:
        parts.store.run(_ping())
    except (StoreError, StoreUnavailable):
        return False
    return True


def _ping() -> Flow[None]:
    yield [("PING",)]
