"""All routes. A new resource is one file here, with its handlers in the tuples below."""

from litestar.handlers import HTTPRouteHandler

from api.routes.access_reviews import ACCESS_REVIEWS
from api.routes.adjustments import ADJUSTMENT_COMMANDS, list_adjustments
from api.routes.approvals import approve_several, list_approvals
from api.routes.audit import get_checkpoint, prove_consistency, prove_inclusion
from api.routes.audit_lists import AUDIT_LISTS
from api.routes.break_glass import BREAK_GLASS_COMMANDS, get_break_glass, list_break_glass
from api.routes.case import get_case, get_diff, reperform_case
from api.routes.case_commands import CASE_COMMANDS
from api.routes.cases import list_cases
from api.routes.deliveries import DELIVERIES
from api.routes.eligibility import who_could
from api.routes.events import get_events
from api.routes.evidence import download_evidence, upload_evidence
from api.routes.health import livez, readyz
from api.routes.held import list_held
from api.routes.me import get_me
from api.routes.orders import get_order, get_timeline, list_orders
from api.routes.packets import get_decided_packet, get_packet
from api.routes.people import get_person, list_eligible, list_grants, list_people, review_access
from api.routes.people_commands import PEOPLE_COMMANDS
from api.routes.personal_data import PERSONAL_DATA
from api.routes.policies import get_policy, list_policies
from api.routes.policy_commands import POLICY_COMMANDS
from api.routes.problems import explain_problem
from api.routes.questions import QUESTION_ROUTES
from api.routes.queues import claim_next, get_queue, list_queues
from api.routes.receipts import RECEIPTS
from api.routes.reconciliations import list_reconciliations, reconcile
from api.routes.recovery import RECOVERY_COMMANDS, get_recovery, list_recoveries
from api.routes.refusals import list_refused
from api.routes.signals import send_signals
from api.routes.simulations import simulate_policy
from api.routes.source_mappings import SOURCE_MAPPINGS
from api.routes.sources import SOURCES
from api.routes.standard_work import get_standard_work
from api.routes.tasks import get_tasks
from api.routes.trail import get_trail
from api.routes.views import get_clock, get_flow, get_sla, stream_view
from api.routes.webhooks import take_webhook

VERSIONED: tuple[HTTPRouteHandler, ...] = (
    get_me,
    send_signals,
    list_cases,
    get_case,
    get_diff,
    reperform_case,
    get_packet,
    get_decided_packet,
    get_trail,
    *CASE_COMMANDS,
    *ADJUSTMENT_COMMANDS,
    who_could,
    list_approvals,
    approve_several,
    list_adjustments,
    reconcile,
    list_reconciliations,
    list_queues,
    get_queue,
    claim_next,
    list_recoveries,
    get_recovery,
    *RECOVERY_COMMANDS,
    list_policies,
    get_policy,
    *POLICY_COMMANDS,
    simulate_policy,
    list_orders,
    get_order,
    get_timeline,
    list_held,
    get_events,
    get_checkpoint,
    prove_inclusion,
    prove_consistency,
    *RECEIPTS,
    *QUESTION_ROUTES,
    *AUDIT_LISTS,
    list_refused,
    get_sla,
    get_flow,
    get_standard_work,
    get_tasks,
    get_clock,
    stream_view,
    upload_evidence,
    download_evidence,
    list_people,
    get_person,
    *PEOPLE_COMMANDS,
    review_access,
    list_grants,
    *ACCESS_REVIEWS,
    list_eligible,
    list_break_glass,
    get_break_glass,
    *BREAK_GLASS_COMMANDS,
    *PERSONAL_DATA,
    *SOURCES,
    *DELIVERIES,
    *SOURCE_MAPPINGS,
    take_webhook,
)
UNVERSIONED: tuple[HTTPRouteHandler, ...] = (livez, readyz, explain_problem)
