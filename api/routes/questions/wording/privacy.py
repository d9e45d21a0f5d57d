"""Questions 19 and 20 in words: who read a customer's data, and what is held of it."""

from api.routes.questions.privacy import CustomerParameters, PersonalReadsParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import in_period
from api.routes.questions.words import Item, Words, at, if_any, many, names, plain, table_if_any
from application.audit.personal_data import PersonalDataHeld, PersonalDataReads
from domain.orders.order_names import OrderName, describe_name


def _order(one: OrderName) -> str:
    return describe_name(one.order, one.shop)


def who_read_it(
    sources: AnswerSources, given: PersonalReadsParameters, found: PersonalDataReads
) -> Words:
    orders = names((f"order {_order(one)}" for one in found.orders), "no order")
    readers = names(f"{who} ({many(times, 'time')})" for who, times in found.readers.items())
    said = (
        f"{many(len(found.reads), 'read')} by {many(len(found.readers), 'reader')}: {readers}."
        if found.reads
        else "Nobody read it by a recorded read."
    )
    return Words(
        says=[
            said,
            f"The customer of order {describe_name(given.order, given.shop)} has "
            f"{many(len(found.orders), 'order')} in the log: {orders}.",
            "Acts on a case are in its trail, not here: `casetrail case trail`.",
        ],
        searched="the record of reads of personal data, for all orders of this customer. "
        + in_period(sources, given),
        next_steps=[
            "Question 20 says what is held of this customer; question 21 whose each name is."
        ],
        sections=table_if_any(
            "Reads, oldest first",
            ("at", "reader", "order", "what was read"),
            [
                (at(one.at), one.who, describe_name(one.order, one.shop), one.what)
                for one in found.reads
            ],
        ),
    )


def what_is_held(_: AnswerSources, given: CustomerParameters, found: PersonalDataHeld) -> Words:
    held = sum(one.held for one in found.texts)
    erased = sum(one.erased for one in found.texts)
    clear = sum(one.in_the_clear for one in found.texts)
    valid = [one for one in found.holds if one.released_at is None]
    says = [
        f"{many(held, 'personal text')} can be read, and {erased:,} "
        f"{'was' if erased == 1 else 'were'} erased."
        + (
            f" {many(clear, 'more')} {'is' if clear == 1 else 'are'} stored unsealed, "
            "from before texts were sealed."
            if clear
            else ""
        ),
        f"Keys: {found.keys_held} held, {found.keys_destroyed} destroyed. Without its "
        "key a text cannot be read by anybody.",
        f"The customer of order {describe_name(given.order, given.shop)} has "
        f"{many(len(found.orders), 'order')}: "
        f"{names(map(_order, found.orders), 'none')}; "
        f"{many(len(found.cases), 'case')} and {many(len(found.files), 'file')}.",
        f"Legal holds in force: {len(valid)}.",
    ]
    if found.record is not None:
        says.append(
            "Erasures and legal holds of the customer of order "
            f"{describe_name(given.order, given.shop)} "
            f"are in the stream {found.record}."
        )
    if found.last_erased_position is not None:
        says.append(
            "The newest event with erased texts is at position "
            f"{found.last_erased_position:,}; the proofs of the log stay valid."
        )
    return Words(
        says=says,
        searched=(
            "every event, key, file, legal hold and erasure of all orders and cases of "
            "this customer. The answer has no personal text."
        ),
        next_steps=["`casetrail personal-data show` lists each event; question 19 who read it."],
        sections=[
            *table_if_any(
                "Personal texts by type of event",
                ("type of event", "can be read", "erased", "stored unsealed"),
                [
                    (one.type, f"{one.held:,}", f"{one.erased:,}", f"{one.in_the_clear:,}")
                    for one in found.texts
                ],
            ),
            *if_any(
                "Erasures",
                [
                    Item(
                        f"ordered by {one.ordered_by} at {at(one.ordered_at)}, basis: "
                        f"{plain(one.basis)}",
                        [
                            f"completed at {at(one.completed_at)}"
                            if one.completed_at
                            else "NOT completed yet",
                            f"{many(one.keys, 'key')} destroyed, for order "
                            f"{names(map(_order, one.orders), 'none')}",
                            *([f"reference: {one.reference}"] if one.reference else []),
                            *([f"files erased: {names(one.files)}"] if one.files else []),
                        ],
                    )
                    for one in found.erasures
                ],
            ),
            *if_any(
                "Legal holds",
                [
                    Item(
                        f"hold {one.hold}, placed by {one.placed_by} at {at(one.placed_at)}",
                        [
                            f"reason: {one.reason}"
                            + (f" ({one.reference})" if one.reference else ""),
                            f"released at {at(one.released_at)}" if one.released_at else "in force",
                        ],
                    )
                    for one in found.holds
                ],
            ),
            *if_any(
                "Cases of these orders",
                [Item(f"order of {_order(found.orders[0])}: --case {case}") for case in found.cases]
                if len(found.orders) == 1
                else [Item(f"one of the orders above: --case {case}") for case in found.cases],
            ),
        ],
    )
