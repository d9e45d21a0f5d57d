"use strict";
// Refunds and other adjustments: proposed, approved and executed by different people. The service alone
// decides who may do what, and reports why it refuses.

const UNDECIDED = ["proposed", "approved", "system_approved"];
const APPROVED = ["approved", "system_approved"];
// No payment provider executes these: the person who does enters a reference.
const ELSEWHERE = ["store_credit", "reshipment", "write_off"];
const STATE_BANDS = { proposed: "at_risk", approved: "on_track", system_approved: "on_track", executed: "on_track",
  reconciled: "on_track", rejected: "breached", failed: "breached" };
// Approval limits by digest of the policy that measured the adjustment.
const limitsOf = new Map();

const sumOf = ({ amount, currency }) => `${amount} ${currency}`;
// Exchange rates leave more decimals than needed.
const readable = (amount) => amount.replace(/(\.\d\d\d*?)0+$/, "$1");
const named = (one) => `${words(one.kind)} of ${sumOf(one.amount)}`;

async function learnLimits(adjustments) {
  const unknown = new Set(adjustments.map((one) => one.requirement.policy_digest).filter((digest) => !limitsOf.has(digest)));
  await Promise.all([...unknown].map(async (digest) => {
    const { document } = await ask(`/v1/policies/${digest}`);
    limitsOf.set(digest, document.approvals?.limits ?? {});
  }));
}

function showAdjustments(found) {
  const shown = [dutiesOf(found), ...found.conflicts.map(conflictOfDuties)];
  if (found.adjustments.length === 0) shown.push(element("p", "No refund proposed."));
  else {
    const cards = element("ol", null, { class: "cards" });
    cards.append(...found.adjustments.map((one) => adjustmentCard(one, found)));
    shown.push(cards);
  }
  by("adjustments").replaceChildren(...shown.filter(Boolean));
  const proposes = may("adjustments.propose") && found.owner === me.person;
  by("new-adjustment").replaceChildren(...(proposes ? [button("Propose an adjustment", () => propose(found))] : []));
}

// One person has one duty in a case.
function dutiesOf({ duties }) {
  const held = Object.entries(duties);
  if (held.length === 0) return null;
  const of = (duty) => held.filter(([, one]) => one.duty === duty).map(([person]) => person).join(", ");
  const told = ["review", "approve", "execute", "reconcile"].filter(of).map((duty) => `${duty}: ${of(duty)}`);
  return element("p", `Duties: ${told.join("; ")}`, { id: "duties" });
}

function conflictOfDuties(names) {
  return element("p", `${names.join(" and ")} are accounts of one person with different duties in this case.`,
    { class: "breached" });
}

function adjustmentCard(one, found) {
  const made = element("li");
  const heading = element("h4", `${named(one)}: `);
  heading.append(mark(STATE_BANDS[one.state] ?? "paused", words(one.state)));
  if (one.in_doubt) heading.append(", ", mark("at_risk", "in doubt"));
  const facts = element("dl");
  describe(facts, factsOfAdjustment(one));
  const does = element("div", null, { class: "buttons" });
  does.append(...actsOn(one, found));
  made.append(heading, facts, does);
  return made;
}

function factsOfAdjustment(one) {
  const { requirement } = one;
  return {
    reason: words(one.reason),
    note: one.note,
    "proposed by": byAt(one.proposed_by, one.proposed_at),
    "asked for": askedFor(one),
    counted: countedOf(requirement),
    "who may": one.state === "proposed" ? whoMay(requirement) : null,
    approved: approvalsOf(one),
    lapses: UNDECIDED.includes(one.state) ? due(one.lapses_at) : null,
    "executed by": one.executed_by.length > 0 ? byAt(one.executed_by, one.executing_since) : null,
    "in doubt": one.in_doubt ? "the provider's answer was lost; the service keeps asking" : null,
    provider: one.provider,
    payment: one.payment,
    reference: one.reference,
    "ended because": one.ended && endOf(one),
    lines: one.lines.map((line) => `${line.quantity} × ${line.sku ?? line.line}: ${sumOf(line.amount)}`).join(", "),
    evidence: one.evidence.join(", "),
  };
}

function byAt(persons, at) {
  const made = element("span", `${persons.join(" for ")}, `);
  made.append(local(at));
  return made;
}

function askedFor({ requirement, approvals, state }) {
  const { approvers, rule, policy } = requirement;
  const many = approvers === 0 ? "no approval" : approvers === 1 ? "1 approval" : `${approvers} approvals`;
  const missing = state === "proposed" && approvals.length > 0 ? `, ${approvers - approvals.length} missing` : "";
  return `${many}${missing}: band ${rule} of policy ${policy}`;
}

function countedOf({ counted, currency, of_order, of_customer, sums, of_proposer, beyond_value }) {
  const parts = [`of the order ${readable(of_order)}`, of_customer && `of the customer ${readable(of_customer)}`,
    ...(sums ?? []).map((one) => `with ${one.orders} other order${one.orders === 1 ? "" : "s"} of the same ${one.of} ${readable(one.sum)}`),
    Number(of_proposer) > Number(counted) && `by policy for the proposer ${readable(of_proposer)}`,
    beyond_value && `beyond the order's value ${readable(beyond_value)}`];
  return `${readable(counted)} ${currency} (${parts.filter(Boolean).join(", ")})`;
}

// By the limits of the policy that measured it.
function whoMay({ policy_digest, roles, counted, currency }) {
  const limits = Object.entries(limitsOf.get(policy_digest) ?? {});
  return limits.filter(([role, limit]) => Number(limit) >= Number(counted) && (!roles?.length || roles.includes(role)))
    .map(([role, limit]) => `${words(role)} (up to ${limit} ${currency})`).join(", ");
}

function approvalsOf({ approvals, approved_by_rule, requirement }) {
  if (approved_by_rule) return `by policy, rule ${approved_by_rule}`;
  if (approvals.length === 0) return null;
  const made = element("ul", null, { class: "plain" });
  for (const one of approvals) {
    const line = element("li", `${one.persons.join(" for ")} as ${words(one.role)} (up to ${one.limit} ${requirement.currency}), `);
    line.append(local(one.at));
    made.append(line);
  }
  return made;
}

const LAPSED = { time: "nobody decided in time", facts: "a fact that it rests on has changed", packet: "the facts of the order have changed", policy: "another policy is active now" };
const endOf = ({ state, ended }) => (state === "lapsed" ? LAPSED[ended] ?? words(ended) : ended);

function actsOn(one, found) {
  const about = (act) => ({ "aria-label": `${act}: ${named(one)}` });
  const isMine = one.proposed_by.includes(me.person) || found.owner === me.person;
  const able = {
    Approve: may("adjustments.approve") && one.state === "proposed",
    Reject: may("adjustments.approve") && UNDECIDED.includes(one.state),
    Execute: may("adjustments.execute") && APPROVED.includes(one.state),
    Withdraw: may("adjustments.propose") && UNDECIDED.includes(one.state) && isMine,
  };
  return Object.keys(able).filter((act) => able[act]).map((act) => button(act, () => openAct(act, one), about(act)));
}

// An approval is bound to the digest of what the person saw.
function openAct(act, one) {
  const command = act.toLowerCase();
  const fields = { Approve: [text("note", "Note", false)], Reject: [text("reason", "Why")], Withdraw: [text("reason", "Why")],
    Execute: ELSEWHERE.includes(one.kind) ? [text("reference", "Reference (where it was executed)")] : [] };
  const digest = act === "Withdraw" ? {} : { digest: one.digest };
  openForm(by("adjustments-form"), `${act} the ${named(one)}`, fields[act],
    (body) => carryOut(`adjustments/${one.id}/${command}`, { ...digest, ...body }, "adjustments-title"));
}

// The provider's result arrives later; the page is not redrawn while something in the case has focus.
async function followPayments() {
  if (!openCase?.adjustments.some((one) => one.state === "executing")) return;
  if (by("case").querySelector(":is(button, input, select, a, summary):focus")) return;
  const { id, version } = openCase;
  const found = await ask(`/v1/cases/${id}`);
  if (wantedCase === id && found.version !== version) await showCase(id);
}

async function propose(found) {
  const { signals, facts } = await orderOf(found);
  const captured = signals.filter((signal) => signal.type === "payment.captured");
  const currency = facts.find((fact) => fact.fact === "charge.currency")?.value ?? captured[0]?.amount.currency;
  const payments = [...new Set(captured.map((signal) => signal.payment ?? signal.id))];
  const fields = [choice("kind", "What", "AdjustmentKind"),
    { ...text("amount", currency ? `Amount in ${currency}` : "Amount"), more: { inputmode: "decimal", pattern: "[0-9]+([.,][0-9]+)?", title: "A number, like 12.50" } },
    ...(currency ? [] : [text("currency", "Currency (three letters)")]),
    choice("reason", "Reason", "AdjustmentReason"), text("note", "Note", false),
    ...(found.evidence.length > 0 ? [several("evidence", "Evidence", found.evidence.map(evidenceOffered))] : []),
    ...(payments.length > 1 ? [oneOf("payment", "Back to payment", payments, false)] : [])];
  openForm(by("adjustments-form"), "Propose it", fields, ({ amount, currency: told, ...body }) => {
    const asked = { amount: amount.replace(",", "."), currency: currency ?? told.toUpperCase() };
    return carryOut("adjustments", { ...body, amount: asked }, "adjustments-title");
  });
}

const evidenceOffered = ({ ref, type, title }) => ({ value: ref, says: `${words(type)}: ${title || ref}` });
