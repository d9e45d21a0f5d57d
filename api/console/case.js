"use strict";
// A case: its state, tasks, facts and trail.

let openCase = null;
let wantedCase = null;

async function showCase(id, focus = false) {
  wantedCase = id;
  const [found, trail, clock, packet] = await Promise.all([
    ...["", "/trail", "/clock", "/packet"].map((part) => ask(`/v1/cases/${id}${part}`)), learnWords()]);
  await learnLimits(found.adjustments);
  const order = found.order && may("orders.read") ? await orderOf(found).catch(() => null) : null;
  if (wantedCase !== id) return;  // another was opened meanwhile
  if (openCase?.id !== id) putFormsAway();
  openCase = found;
  by("case").hidden = false;
  by("case-title").textContent = `${words(found.kind)} of ${aboutOf(found)}`;
  describe(by("case-facts"), { ...standing(found), ...timing(found, clock) });
  workOn(found);
  showAdjustments(found);
  showSteps(found);
  showPacket(packet);
  showParts(found, order);
  by("trail").replaceChildren(...trail.lines.map(entryOf));
  if (focus) by("case-title").focus();
}

// A case may be about an order that no signal has named, or that is out of the reader's scope.
function orderOf({ order, shop }) {
  return ask(`/v1/orders/${encodeURIComponent(order)}${shop ? `?shop=${encodeURIComponent(shop)}` : ""}`);
}

function standing(found) {
  const { resolution, waiting } = found;
  return {
    state: words(found.state),
    owner: found.owner,
    lease: found.lease_until && lapse(found.lease_until),
    severity: found.severity,
    bucket: words(found.bucket),
    automation: words(found.automation),
    queue: words(found.queue),
    detected: local(found.detected_at),
    "waits for": waiting && `${words(waiting.dependency)}: ${waiting.party}`,
    problem: found.left_to_person,
    "signals joined": found.signals_joined,
    reopened: found.reopened || null,
    resolved: found.resolved_at && local(found.resolved_at),
    reason: resolution && words(resolution.reason),
    "root cause": resolution && words(resolution.root_cause),
    evidence: resolution?.evidence.join(", "),
    version: found.version,
  };
}

// A measure that has ended is not shown as late any more.
function timing(found, clock) {
  const facts = {};
  for (const one of clock.measures) {
    const name = words(one.measure);
    if (one.met_at) facts[name] = one.breached_at ? mark("missed", "met, too late") : "met";
    else if (found.state === "resolved") facts[name] = one.breached_at ? mark("missed", "missed") : "ended with the case";
    else if (one.paused) facts[name] = mark("paused", "paused");
    else if (one.due_at) facts[name] = mark(bandOf(one), `${words(bandOf(one))}: ${due(one.due_at)}`);
  }
  return facts;
}

function bandOf(measure) {
  if (measure.breached_at || minutesTo(measure.due_at) < 0) return "breached";
  return measure.at_risk_at && minutesTo(measure.at_risk_at) <= 0 ? "at_risk" : "on_track";
}

const mark = (band, says) => element("span", says, { class: `band ${band}` });
const lapse = (until) => `lapses ${minutesTo(until) > 0 ? due(until) : "now"}`;

const TOLD = ["kind", "part", "rule", "role", "provider", "reference", "cause", "detail", "signal_type", "signal", "measure", "dependency", "party", "to_queue", "to_person", "person", "to",
  "how", "title", "action", "owner", "what", "reason"];

function entryOf(entry) {
  const { event } = entry;
  const made = element("li", null, { id: `trail-${entry.version}`, value: entry.version, tabindex: "-1" });
  made.append(element("strong", event.type), ` by ${entry.actor.person ?? entry.actor.principal} `, local(entry.recorded_at));
  const told = TOLD.map((name) => event[name]).filter((word) => typeof word === "string");
  if (event.task) told.unshift(`task ${event.task}`);
  if (event.hold) told.unshift(`hold ${event.hold}`);
  if (event.amount) told.unshift(sumOf(event.amount));
  if (event.skipped?.length) told.push(`nobody has the role ${event.skipped.join(", ")}`);
  if (event.resolution) told.push(words(event.resolution.reason), event.resolution.note);
  told.push(event.note);
  if (told.some(Boolean)) made.append(element("div", told.filter(Boolean).join(", "), { class: "told" }));
  const decisions = { "": event.decision, "the problem is gone: ": event.clearing,
    "but it did not resolve itself: ": event.paused };
  for (const [why, decision] of Object.entries(decisions)) if (decision) made.append(verdicts(why, decision));
  return made;
}

function verdicts(why, decision) {
  const made = element("ul");
  made.append(element("li", `${why}policy ${decision.policy}, rule ${decision.rule}`));
  for (const verdict of decision.verdicts) {
    const says = `${verdict.fact} ${verdict.test}: read ${verdict.read ?? "nothing"}`;
    made.append(element("li", says, { class: verdict.passed ? "passed" : "failed" }));
  }
  return made;
}
