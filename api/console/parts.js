"use strict";
// The parts of a case, each with what opened, cleared and ended it; and the parts of its order.

const PIECES = ["ordered", "cancelled", "waiting", "allocated", "backordered", "unavailable", "in_parcels", "on_the_way", "delivered", "returned", "lost"];

function showParts(found, order) {
  const shown = [];
  if (found.parts.length) shown.push(element("h4", "Parts"), partsOf(found));
  if (order) shown.push(...orderParts(order));
  by("parts").replaceChildren(...shown);
}

function partsOf(found) {
  const outcomes = new Map((found.resolution?.parts ?? []).map((one) => [one.part, one]));
  return table("Parts", ["Part", "Opened by", "Cleared by", "Outcome"], found.parts.map((part) => {
    const own = outcomes.get(part.key);
    const clearing = part.cleared_by && lines(part.cleared_by, part.corrected && "it was never so");
    return row([lines(part.key || "the whole order", local(part.since)),
      lines(part.signals.join(", "), `rule ${part.rule}`, part.deadline && `deadline ${new Date(part.deadline).toLocaleString()}`),
      clearing, part.outcome && lines(words(part.outcome), own?.note, own?.evidence?.join(", "))]);
  }));
}

function orderParts({ parts, notices }) {
  const made = [];
  const add = (name, headings, found, cells) => {
    if (found.length) made.push(element("h4", name), table(name, headings, found.map((one) => row(cells(one)))));
  };
  add("Lines", ["Line", "Pieces", "Value", "Left to refund"], parts.lines, (one) =>
    [lines(one.id, one.sku === one.id ? null : one.sku), piecesOf(one), amountOf(one, "value"), amountOf(one, "left")]);
  add("Charges", ["Charge", "Charged", "Refunded"], parts.charges, (one) =>
    [one.id, amountOf(one, "charged"), amountOf(one, "refunded")]);
  add("Parcels", ["Parcel", "Carrier", "Pieces", "State"], parts.parcels, (one) =>
    [one.id || "the only one", lines(one.carrier, one.tracking), one.pieces ?? "not known", stateOf(one)]);
  add("Payments", ["Payment", "Captured", "Refunded", "Left"], parts.payments, (one) =>
    [lines(one.id, one.tender), ...["captured", "refunded", "left"].map((name) => amountOf(one, name))]);
  add("Refunds", ["Refund", "Amount", "State"], parts.refunds, (one) =>
    [one.id, amountOf(one, "amount"), one.state && words(one.state)]);
  add("Disputes", ["Dispute", "Amount", "Answer due", "Outcome"], parts.disputes, (one) =>
    [one.id, amountOf(one, "amount"), one.respond_by && local(one.respond_by), one.outcome && words(one.outcome)]);
  add("Returns", ["Return", "Requested", "Received"], parts.returns, (one) =>
    [one.id, one.requested_at && local(one.requested_at), one.received_at && local(one.received_at)]);
  if (notices.length) {
    const list = element("ul", null, { class: "plain" });
    list.append(...notices.map((one) => element("li", `${one.signal}${one.pointer}: ${one.detail}`)));
    made.push(element("h4", "Notices"), list);
  }
  return made;
}

const piecesOf = (line) => lines(...PIECES.filter((name) => line[name]).map((name) => `${line[name]} ${words(name)}`));
const amountOf = (part, name) => part[name] === undefined ? null : `${part[name]} ${part.currency ?? ""}`.trim();

// The latest thing that happened to a parcel.
function stateOf(parcel) {
  const states = { labelled_at: "label created", handed_over_at: "handed over", waiting_since: "waits to be collected",
    failed_at: "delivery failed", damaged_at: "damaged", lost_at: "lost", returning_since: "returning",
    delivered_at: "delivered", back_at: "back with us" };
  const times = Object.keys(states).filter((name) => parcel[name]);
  if (!times.length) return "not known";
  const last = times.reduce((a, b) => (Date.parse(parcel[b]) >= Date.parse(parcel[a]) ? b : a));
  const made = element("span", `${states[last]} `);
  made.append(local(parcel[last]));
  return made;
}
