"""Reports. To add one, write a file here and add a line below."""

from projections.adjustments import ADJUSTMENTS
from projections.attachments import ATTACHMENTS
from projections.break_glass import BREAK_GLASS
from projections.cases import CASES
from projections.deliveries import DELIVERIES
from projections.held import HELD
from projections.orders import ORDERS
from projections.people import PEOPLE
from projections.principals import PRINCIPALS
from projections.projection import AnyProjection
from projections.queue import QUEUE
from projections.reconciliations import RECONCILIATIONS
from projections.recovery import RECOVERY
from projections.sla import SLA
from projections.standard_work import STANDARD_WORK
from projections.tasks import TASKS

PROJECTIONS: tuple[AnyProjection, ...] = (
    QUEUE,
    CASES,
    ORDERS,
    PEOPLE,
    PRINCIPALS,
    RECOVERY,
    SLA,
    TASKS,
    ADJUSTMENTS,
    RECONCILIATIONS,
    BREAK_GLASS,
    STANDARD_WORK,
    ATTACHMENTS,
    HELD,
    DELIVERIES,
)
