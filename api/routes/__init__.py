"""Routes. A new resource: one file here, its handlers below."""

from litestar.handlers import HTTPRouteHandler

from api.routes.cases import (
    claim,
    get_case,
    get_packet,
    get_trail,
    list_cases,
    release,
    reopen,
    resolve,
)
from api.routes.events import get_events
from api.routes.health import livez, readyz
from api.routes.orders import get_order, get_timeline, list_orders
from api.routes.problems import explain_problem
from api.routes.queues import claim_next, get_queue, list_queues
from api.routes.signals import send_signals

VERSIONED: tuple[HTTPRouteHandler, ...] = (
    send_signals,
    list_cases,
    get_case,
    get_packet,
    get_trail,
    claim,
    release,
    resolve,
    reopen,
    list_queues,
    get_queue,
    claim_next,
    list_orders,
    get_order,
    get_timeline,
    get_events,
)
UNVERSIONED: tuple[HTTPRouteHandler, ...] = (livez, readyz, explain_problem)
