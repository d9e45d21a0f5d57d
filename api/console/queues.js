"use strict";
// The live queues and the cases of one.

const REFRESH_MS = 2000;
const MORE = 15;
let openQueue = null;
let shown = MORE;
let refreshing = false;
let isBehind = false;

async function showQueues() {
  const { items } = await ask("/v1/queues");
  queueNames = items.map((queue) => queue.queue);
  nameTeams(items);
  by("queues").hidden = false;
  fill(by("queues").querySelector("table"), items.map(queueRow));
  return items;
}

function queueRow(queue) {
  const name = link(queue.title, () => show(queue), { "data-key": queue.queue });
  const since = queue.recovering_since;
  const plan = since && link(`recovering for ${ago(since)}`, () => showPlan(queue.queue, true),
    { class: "link at_risk", "data-key": `plan ${queue.queue}`, "aria-label": `recovering for ${ago(since)}: plan of ${queue.title}` });
  const made = row([lines(name, plan), queue.open, queue.claimed, queue.waiting, queue.pending_approval, many(queue.at_risk, "at_risk"),
    many(queue.breached, "breached"), ago(queue.oldest_queued_at)]);
  if (queue.queue === openQueue?.queue) made.setAttribute("aria-current", "true");
  for (const cell of [...made.cells].slice(1)) cell.className = "number";
  return made;
}

const many = (count, band) => (count ? element("span", count, { class: band }) : 0);

function nameTeams(queues) {
  const teams = [...new Set(queues.map((queue) => queue.owner_team))].sort();
  if (by("teams").childElementCount === teams.length) return;
  by("teams").replaceChildren(...teams.map((team) => element("option", null, { value: team })));
}

async function start() {
  await learnMe();
  by("claim-next").hidden = !may("cases.work");
  by("to-approvals").hidden = !may("adjustments.approve");
  by("whose").value = ownerOfTasks();
  showRoom();
  const [items] = await Promise.all([showQueues(), showMine(), learnWords(), showInbox()]);
  const busiest = items.reduce((most, queue) => (queue.open > most.open ? queue : most), items[0]);
  if (busiest) await show(busiest);
}

async function show(queue) {
  openQueue = queue;
  shown = MORE;
  await Promise.all([showQueues(), showWork()]);
}

async function showWork() {
  if (!openQueue) return;
  const queue = openQueue;
  const page = await ask(`/v1/queues/${encodeURIComponent(queue.queue)}?limit=${shown}`);
  if (queue !== openQueue) return;
  by("work").hidden = false;
  by("work-title").textContent = `${queue.title}: most urgent first`;
  fill(by("work").querySelector("table"), page.items.map(workRow));
  by("more").hidden = !page.next || shown >= 200;
}

function workRow(item) {
  const kind = link(words(item.kind), () => showCase(item.case_id, true),
    { "data-key": item.case_id, "aria-label": `${words(item.kind)} of ${ofOrder(item)}` });
  const held = breakable(item.person ?? item.owner_team);
  const until = item.waits_for ? `waits for ${words(item.waits_for)}`
    : item.pending_approvals.length > 0 ? "pending approval" : item.lease_until && lapse(item.lease_until);
  return row([lines(kind, `${ofOrder(item)}, ${item.severity}`), item.priority, lines(held, until),
    ago(item.queued_at), lines(mark(item.band, words(item.band)), item.due_next && soon(item.due_next))]);
}

async function claimNext() {
  const found = await post(`/v1/queues/${encodeURIComponent(openQueue.queue)}/claim-next`);
  if (!found) throw new Error("Nothing is open in this queue.");
  await Promise.all([showCase(found.id, true), refresh()]);
  tell("Claimed. The case is yours.");
}

// Runs after each command and every two seconds. An error here is no refusal of a command.
async function refresh() {
  try {
    await Promise.all([showQueues(), showWork(), showMine(), showInbox(), followPayments()]);
    if (isBehind) tell("");
    isBehind = false;
  } catch (error) {
    isBehind = true;
    tell(`Not up to date. ${error.message}`, true);
  }
  written = null;
}

async function keepFresh() {
  if (!token || document.hidden || refreshing) return;
  refreshing = true;
  await refresh();
  refreshing = false;
}

by("claim-next").addEventListener("click", () => run(claimNext));
by("more").addEventListener("click", () => {
  shown = Math.min(200, shown + MORE);
  run(showWork);
});
by("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = by("token").value.trim();
  sessionStorage.setItem("token", token);
  by("sign-in").hidden = true;
  run(start);
});
setInterval(keepFresh, REFRESH_MS);
if (token) run(start);
else by("sign-in").hidden = false;
