"""Route's app factory: the parts put together and every blueprint registered."""

from collections.abc import Mapping
from typing import NoReturn

from flask import Response, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError

from cim_common import __version__
from cim_common.registry import Registry
from cim_common.tokens import Tokens
from cim_route import (
    accounts,
    devices,
    events,
    groups,
    health,
    history,
    legacy,
    login,
    messages,
    metrics,
    operator,
    presence,
    problems,
)
from cim_route.attempts import Attempts
from cim_route.body import JsonRequest
from cim_route.budgets import Budgets
from cim_route.parts import Accepts, Parts
from cim_route.passwords import Passwords
from cim_route.placement import Placement
from cim_route.problems import ProblemDocument
from cim_route.settings import RouteSettings
from cim_route.steps import InlineCall
from cim_route.store import Store
from cim_route.watcher import Watcher

API_PREFIXES = ("/v1/", "/operator/")


class RouteApp(OpenAPI):
    """The Flask app of route. `inline_calls` are those of its calls that can do without a thread, by path."""

    request_class = JsonRequest
    parts: Parts
    inline_calls: Mapping[str, InlineCall]


def create_app(
    settings: RouteSettings,
    store: Store,
    registry: Registry,
    tokens: Tokens,
    acceptor: Accepts,
    *,
    passwords: Passwords | None = None,
    attempts: Attempts | None = None,
    placement: Placement | None = None,
    watcher: Watcher | None = None,
) -> RouteApp:
    """The WSGI app. What it works with is the caller's: to start before and to close after."""
    parts = Parts(
        store,
        registry,
        tokens,
        acceptor,
        passwords or Passwords(),
        attempts or Attempts(settings.redis_url),
        placement or Placement(registry.servers),
        settings.directory,
        Budgets(store),
        watcher or Watcher(store),
    )
    app = RouteApp(
        "cim_route",
        info=Info(title="CIM", version=__version__),
        security_schemes={
            "bearer": {"type": "http", "scheme": "bearer"},
            "operator": {"type": "http", "scheme": "bearer", "description": "the token of --operator-token-file"},
        },
        validation_error_model=ProblemDocument,
        validation_error_callback=_invalid,
        static_folder=None,
    )
    problems.install(app)
    for module in (accounts, login, devices, messages, history, groups, events, presence, health):
        app.register_api(module.blueprint(parts))
    app.register_api(operator.blueprint(parts, settings.operator_token_file))
    app.register_blueprint(metrics.blueprint(parts))
    if settings.legacy:
        app.register_blueprint(legacy.blueprint(parts))
    app.after_request(_private)
    app.parts = parts
    app.inline_calls = {"/v1/login": login.inline(parts), "/v1/messages": messages.inline(parts)}
    return app


def _invalid(error: ValidationError) -> NoReturn:
    raise problems.of_validation(error)


def _private(response: Response) -> Response:
    """Answers of the API are about one user, and some hold tokens: no cache keeps them."""
    if request.path.startswith(API_PREFIXES):
        response.headers["Cache-Control"] = "no-store"
    return response
