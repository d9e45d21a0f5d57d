"use strict";
// The facts of a case's order, and how they differ from those of the decision.

function showPacket(packet) {
  const facts = factsOf(packet);
  const parts = { "Systems disagree": packet.conflicts.map(conflictOf), "Statements": packet.said.map(saidOf),
    "Related orders": packet.related.map(relatedOf), "Other cases of the order": packet.cases.map(caseOf) };
  const shown = Object.entries(parts).filter(([, items]) => items.length > 0).flatMap(([heading, items]) => {
    const holder = element("ul", null, { class: "plain" });
    holder.append(...items);
    return [element("h4", heading), holder];
  });
  const rows = facts.map(factRow);
  by("packet").replaceChildren(...shown, element("h4", "Facts"), table("Facts", ["Fact", "Value", "Sources", "Age"], rows));
  const changes = facts.filter((fact) => fact.change).length;
  by("decided").replaceChildren("Decided on the facts of ", local(packet.recorded_at), changes === 0
    ? "; nothing has changed since." : `; ${changes} facts are new or changed since and are listed first.`);
}

function relatedOf(other) {
  const told = words(other.relation), name = orderName(other);
  return element("li", other.reverse ? `${name} is ${told} this order` : `${told} ${name}`);
}

// Facts that changed since the decision come first.
function factsOf({ decided_on, now }) {
  const decided = new Map(decided_on.map((fact) => [fact.fact, fact.value]));
  const known = new Set(now.map((fact) => fact.fact));
  const gone = decided_on.filter((fact) => !known.has(fact.fact)).map((fact) =>
    ({ ...fact, value: goneIs(fact), change: `changed: was ${worded(fact.value)}` }));
  const facts = [...gone, ...now.map((fact) => ({ ...fact, change: changed(decided, fact) }))];
  return [...facts.filter((fact) => fact.change), ...facts.filter((fact) => !fact.change)];
}

function changed(decided, fact) {
  if (!decided.has(fact.fact)) return "new since the decision";
  const was = decided.get(fact.fact);
  return isSame(was, fact.value) ? null : `changed: was ${worded(was)}`;
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;

// A packet leaves out flags of parts that are not set, and counts and amounts of 0.
function goneIs({ fact, value }) {
  if (fact.includes(":") && value === true) return "no longer so";
  return fact.includes(":") && NUMBER.test(value) ? "0, or not known any more" : "not known any more";
}

// Amounts are texts: 0 and 0.00 are one amount.
function isSame(one, other) {
  if (one === other || typeof one !== "string" || typeof other !== "string") return one === other;
  const [mine, its] = [one, other].map((text) => NUMBER.test(text) && (text.includes(".") ? text.replace(/\.?0+$/, "") : text));
  return mine !== false && mine === its;
}

function factRow(fact) {
  const value = element("div", worded(fact.value), { class: "value" });
  if (fact.change) value.append(element("div", fact.change, { class: "change" }));
  const age = fact.age_seconds === undefined ? "" : span(fact.age_seconds / 60);
  const made = row([breakable(fact.fact), value, sourcesOf(fact), element("span", age, { class: "band" })]);
  if (fact.change) made.className = "changed";
  return made;
}

// Many sources are folded: a total has a source per payment.
function sourcesOf({ sources }) {
  const many = sources.length > 2;
  const made = element(many ? "details" : "div", null, { class: "minor" });
  if (many) made.append(element("summary", `${sources.length} sources`));
  for (const source of sources) made.append(element("div", source));
  return made;
}

function worded(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return /^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value).toLocaleString() : String(value);
}

function conflictOf(conflict) {
  const made = element("li");
  made.append(element("strong", words(conflict.field)), `, reconciled by ${conflict.owner_team}`);
  const held = element("ul");
  for (const one of conflict.held) {
    const says = `${words(one.system)} holds ${one.value}${one.of_record ? " (of record)" : ""}, by ${one.source}, `;
    const holding = element("li", says);
    holding.append(local(one.event_time));
    held.append(holding);
  }
  made.append(held);
  return made;
}

function saidOf(said) {
  const made = element("li");
  made.append(element("strong", said.by), said.channel ? ` by ${words(said.channel)}, ` : ", ", local(said.event_time));
  made.append(element("div", said.said, { class: "value" }));
  return made;
}

function caseOf(other) {
  const made = element("li");
  made.append(link(words(other.kind), () => showCase(other.case, true)), ` ${other.state}, opened `, local(other.opened_at));
  return made;
}
