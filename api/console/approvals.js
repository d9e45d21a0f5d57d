"use strict";
// The approvals inbox: what the person may approve, several at once, and why not the rest.

const AT_ONCE = 100;
const MORE_APPROVALS = 100;
let approvalsShown = MORE_APPROVALS;
// Selected items by adjustment, as they were when selected.
const chosen = new Map();
let approvable = new Map();

// The page shows queues or approvals. A person who approves but works no cases starts with approvals.
function showRoom() {
  const works = may("cases.work") || !may("adjustments.approve");
  const isHere = may("adjustments.approve") && (location.hash === "#approvals-title" || (!location.hash && !works));
  document.body.dataset.room = isHere ? "approvals" : "work";
  if (isHere) by("to-approvals").setAttribute("aria-current", "page");
  else by("to-approvals").removeAttribute("aria-current");
}

const inApprovals = () => document.body.dataset.room === "approvals";

async function showInbox() {
  if (!inApprovals()) return;
  const items = [];
  let page = { next: "" };
  while (page.next !== null && page.next !== undefined && items.length < approvalsShown) {
    const after = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    page = await ask(`/v1/approvals?limit=${MORE_APPROVALS}${after}`);
    items.push(...page.items);
  }
  by("approvals").hidden = false;
  const mine = items.filter((item) => item.may_approve);
  approvable = new Map(mine.map((item) => [item.adjustment.id, item]));
  for (const id of chosen.keys()) if (!approvable.has(id)) chosen.delete(id);
  const others = items.filter((item) => !item.may_approve);
  fill(by("may-approve"), mine.map(mineRow));
  fill(by("may-not-approve"), others.map(othersRow));
  by("mine-none").hidden = mine.length > 0;
  by("may-approve").hidden = mine.length === 0;
  by("others-none").hidden = others.length > 0;
  by("may-not-approve").hidden = others.length === 0;
  by("more-approvals").hidden = !page.next;
  sayChosen();
}

function sayChosen() {
  const says = approvable.size === 0 ? "" : `${chosen.size} of ${approvable.size} selected${chosen.size ? `: ${sums([...chosen.values()])}` : ""}. `
    + "Keys: j and k move, x selects, a approves, o opens the case.";
  if (by("approvals-says").textContent !== says) by("approvals-says").textContent = says;
  by("approve-chosen").hidden = approvable.size === 0;
}

const about = (item) => `${named(item.adjustment)}, order ${orderName(item)}`;

function mineRow(item) {
  const { adjustment } = item;
  const tick = element("input", null, { type: "checkbox", "data-key": adjustment.id, "aria-label": about(item) });
  tick.checked = chosen.has(adjustment.id);
  tick.addEventListener("change", () => {
    if (tick.checked) chosen.set(adjustment.id, item);
    else chosen.delete(adjustment.id);
    sayChosen();
  });
  const holder = element("div", null, { class: "ticking" });
  holder.append(tick, whatOf(item));
  return row([holder, askedOf(adjustment), due(adjustment.lapses_at)]);
}

function whatOf(item) {
  const open = link(named(item.adjustment), () => showCase(item.case, true),
    { "data-key": `case ${item.adjustment.id}`, "aria-label": `${about(item)}: the case` });
  return lines(open, `order ${orderName(item)}`, words(item.queue));
}

// The approval matrix may count more than this amount.
function askedOf(adjustment) {
  const { amount, requirement, reason, note, proposed_by, proposed_at } = adjustment;
  const isMore = Number(requirement.counted) !== Number(amount.amount) || requirement.currency !== amount.currency;
  return lines([words(reason), note].filter(Boolean).join(": "), `by ${proposed_by.join(" for ")}, ${ago(proposed_at)} ago`,
    askedFor(adjustment), isMore && `counted: ${countedOf(requirement)}`);
}

function othersRow(item) {
  return row([whatOf(item), whyNot(item), due(item.adjustment.lapses_at)]);
}

function whyNot(item) {
  const made = element("ul", null, { class: "plain" });
  for (const reason of item.why_not) {
    const line = element("li", `${reason.detail} (rule ${reason.rule})`);
    if (reason.version) {
      line.append(" ", link("Show the act", () => showAct(item.case, reason.version),
        { "data-key": `act ${item.adjustment.id} ${reason.rule}`, "aria-label": `Show the act: entry ${reason.version} of the trail, order ${orderName(item)}` }));
    }
    made.append(line);
  }
  return made;
}

async function showAct(id, version) {
  await showCase(id);
  by(`trail-${version}`).focus();
}

// Decimal texts are added as integers: a float would round them.
function sums(items) {
  const totals = new Map();
  for (const { adjustment: { amount } } of items) {
    const [whole, part = ""] = amount.amount.split(".");
    totals.set(amount.currency, (totals.get(amount.currency) ?? 0n) + BigInt(whole + part.padEnd(4, "0")));
  }
  return [...totals].map(([currency, total]) => {
    const digits = String(total).padStart(5, "0");
    return `${digits.slice(0, -4)}.${digits.slice(-4).replace(/0{1,2}$/, "")} ${currency}`;
  }).join(" and ");
}

// If nothing is selected, the row with the focus.
function askToApprove() {
  const here = document.activeElement.closest?.("#may-approve tbody tr")?.querySelector("input").dataset.key;
  const items = chosen.size > 0 ? [...chosen.values()] : [approvable.get(here)].filter(Boolean);
  if (items.length === 0) throw new Error("Nothing is selected.");
  if (items.length > AT_ONCE) throw new Error(`At most ${AT_ONCE} can be approved at once.`);
  const many = items.length === 1 ? "1 adjustment" : `${items.length} adjustments`;
  by("confirm-says").textContent = `Approve ${many}: ${sums(items)} in all?`;
  by("confirm-items").replaceChildren(...items.map((item) => element("li", about(item))));
  by("confirm-yes").onclick = () => {
    by("confirm").close();
    run(() => approveAll(items));
  };
  by("confirm").showModal();
}

async function approveAll(items) {
  const body = { items: items.map(({ case: id, adjustment }) => ({ case: id, adjustment: adjustment.id, digest: adjustment.digest })) };
  const told = (await post("/v1/approvals", body)).items;
  chosen.clear();
  by("approvals-told").replaceChildren(...told.map((answer, index) => outcomeOf(answer, items[index])));
  by("approvals-told").hidden = false;
  await refresh();
  if (openCase && told.some((answer) => answer.case === openCase.id)) await showCase(openCase.id);
  by("approvals-told").focus();
  const refused = told.filter((answer) => answer.outcome === "refused").length;
  tell(`${told.length - refused} approved${refused ? `, ${refused} refused` : ""}.`, refused > 0);
}

function outcomeOf({ outcome, state, problem }, item) {
  const made = element("li");
  made.append(link(about(item), () => showCase(item.case, true)), ": ");
  if (problem) made.append(mark("breached", "refused"), `. ${saidOfProblem(problem)}`);
  else made.append(mark("on_track", outcome), state === "proposed" ? "; another person has to approve it, too." : ".");
  return made;
}

// Keys work only here, and not while somebody types.
const KEYS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  const rows = [...by("approvals").querySelectorAll("tbody tr")];
  const here = document.activeElement.closest("#approvals tbody tr");
  if (key in KEYS) {
    const next = rows[here ? rows.indexOf(here) + KEYS[key] : KEYS[key] > 0 ? 0 : rows.length - 1];
    next?.querySelector("input, button").focus();
  } else if (key === "x") here?.querySelector("input")?.click();
  else if (key === "o") here?.querySelector("button")?.click();
  else if (key === "a") run(askToApprove);
  else return;
  event.preventDefault();
}

by("approvals").addEventListener("keydown", onKey);
by("approve-chosen").addEventListener("click", () => run(askToApprove));
by("confirm-no").addEventListener("click", () => by("confirm").close());
by("more-approvals").addEventListener("click", () => {
  approvalsShown += MORE_APPROVALS;
  run(showInbox);
});
addEventListener("hashchange", () => run(async () => {
  if (!token) return;
  showRoom();
  by("approvals-told").hidden = true;
  await showInbox();
  by(location.hash.slice(1))?.focus();
}));
