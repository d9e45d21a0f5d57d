"use strict";
// The live queues, the cases of one, and a case with its trail. All text is set as text, never as
// markup: what a source said of an order must not be able to run here.

const REFRESH_MS = 2000;
const by = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
let openQueue = null;
let openCase = null;
let queueNames = [];

// The demonstration's link carries a token in its fragment, which is never sent to a server.
if (location.hash.startsWith("#ct_")) {
  token = location.hash.slice(1);
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
}

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    signOut();
    throw new Error("This token is not known, or has expired.");
  }
  if (answer.status === 204) return null;
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.title} ${body.detail ?? ""}`);
  return body;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(cells) {
  const made = element("tr");
  for (const cell of cells) {
    const holder = element("td");
    holder.append(cell instanceof Node ? cell : String(cell ?? ""));
    if (typeof cell === "number") holder.className = "number";
    made.append(holder);
  }
  return made;
}

function link(text, act) {
  const made = element("button", text, { type: "button", class: "link" });
  made.addEventListener("click", () => run(act));
  return made;
}

function ago(moment) {
  if (!moment) return "";
  const minutes = Math.max(0, (Date.now() - new Date(moment)) / 60000);
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} d`;
}

function fill(table, rows) {
  const focused = document.activeElement?.dataset?.key;
  const body = table.tBodies[0];
  body.replaceChildren(...rows);
  if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

async function showQueues() {
  const { items } = await ask("/v1/queues");
  queueNames = items.map((queue) => queue.queue);
  by("queues").hidden = false;
  fill(
    by("queues").querySelector("table"),
    items.map((queue) => {
      const name = link(queue.title, () => show(queue));
      name.dataset.key = queue.queue;
      const made = row([name, queue.open, queue.claimed, queue.waiting, ago(queue.oldest_queued_at)]);
      if (queue.queue === openQueue?.queue) made.setAttribute("aria-current", "true");
      return made;
    }),
  );
  return items;
}

async function start() {
  const [items] = await Promise.all([showQueues(), learnWords()]);
  const busiest = items.reduce((most, queue) => (queue.open > most.open ? queue : most), items[0]);
  if (busiest) await show(busiest);
}

async function show(queue) {
  openQueue = queue;
  await Promise.all([showQueues(), showWork()]);
}

async function showWork() {
  if (!openQueue) return;
  const queue = encodeURIComponent(openQueue.queue);
  const [{ items }, clocks] = await Promise.all([
    ask(`/v1/queues/${queue}?limit=15`), ask(`/v1/views/sla?queue=${queue}&limit=200`)]);
  const clockOf = Object.fromEntries(clocks.items.map((clock) => [clock.case, clock]));
  by("work").hidden = false;
  by("work-title").textContent = `${openQueue.title}: most urgent first`;
  fill(
    by("work").querySelector("table"),
    items.map((item) => {
      const kind = link(item.kind, () => showCase(item.case_id, true));
      kind.dataset.key = item.case_id;
      const clock = clockOf[item.case_id];
      const state = clock?.paused ? "paused" : due(clock?.due_next);
      const late = element("span", state, { class: clock?.breached.length ? "late" : clock?.at_risk.length ? "at-risk" : "" });
      const owner = item.waits_for ? `waits for ${item.waits_for}` : item.person ?? item.owner_team;
      return row([item.priority, kind, item.order_id, item.severity, owner, ago(item.queued_at), late]);
    }),
  );
}

async function showCase(id, focus = false) {
  const [found, trail, clock] = await Promise.all([
    ask(`/v1/cases/${id}`), ask(`/v1/cases/${id}/trail`), ask(`/v1/cases/${id}/clock`), learnWords()]);
  openCase = found;
  by("case").hidden = false;
  by("case-title").textContent = `${found.kind} of order ${found.order}`;
  const facts = { state: found.state, owner: found.owner, severity: found.severity, bucket: found.bucket,
    automation: found.automation, queue: found.queue, detected: new Date(found.detected_at).toLocaleString(),
    "signals joined": found.signals_joined, reopened: found.reopened, version: found.version };
  if (found.waiting) facts["waits for"] = `${found.waiting.dependency}: ${found.waiting.party}`;
  for (const one of clock.measures) {
    const name = one.measure.replace("_", " ");
    if (one.met_at) facts[name] = one.breached_at ? "met, too late" : "met";
    else if (one.paused) facts[name] = "paused";
    else if (one.due_at) facts[name] = due(one.due_at);
  }
  by("case").querySelector("dl").replaceChildren(
    ...Object.entries(facts).map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", value));
      return pair;
    }),
  );
  workOn(found, by("case").querySelector(".actions"), carryOut, queueNames);
  by("case").querySelector("ol").replaceChildren(...trail.lines.map(line));
  if (focus) by("case-title").focus();
}

function line(entry) {
  const made = element("li");
  const who = entry.actor.person ?? entry.actor.principal;
  made.append(element("strong", entry.event.type), ` by ${who} `);
  made.append(element("time", new Date(entry.recorded_at).toLocaleString(), { datetime: entry.recorded_at }));
  const told = ["measure", "dependency", "party", "to_queue", "to_person", "person", "to", "how", "note"]
    .map((name) => entry.event[name]).filter(Boolean);
  if (entry.event.skipped?.length) told.push(`nobody is ${entry.event.skipped.join(", ")}`);
  if (entry.event.resolution) told.push(entry.event.resolution.reason, entry.event.resolution.note);
  if (told.length) made.append(element("div", told.filter(Boolean).join(", "), { class: "told" }));
  const decision = entry.event.decision ?? entry.event.clearing;
  if (decision) {
    const list = element("ul");
    list.append(element("li", `policy ${decision.policy}, rule ${decision.rule}`));
    for (const verdict of decision.verdicts) {
      const text = `${verdict.fact} ${verdict.test}: read ${verdict.read ?? "nothing"}`;
      list.append(element("li", text, { class: verdict.passed ? "passed" : "failed" }));
    }
    made.append(list);
  }
  return made;
}

function carryOut(command, body) {
  return run(async () => {
    const headers = { "If-Match": `"${openCase.version}"`, "Idempotency-Key": crypto.randomUUID() };
    const options = { method: "POST", headers };
    if (body) {
      options.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    await ask(`/v1/cases/${openCase.id}/${command}`, options);
    await Promise.all([showCase(openCase.id, true), showQueues(), showWork()]);
  });
}

async function claimNext() {
  const path = `/v1/queues/${encodeURIComponent(openQueue.queue)}/claim-next`;
  const found = await ask(path, { method: "POST", headers: { "Idempotency-Key": crypto.randomUUID() } });
  if (!found) throw new Error("Nothing is open in this queue.");
  await Promise.all([showCase(found.id, true), showQueues(), showWork()]);
}

function signOut() {
  token = null;
  sessionStorage.removeItem("token");
  for (const id of ["queues", "work", "case"]) by(id).hidden = true;
  by("sign-in").hidden = false;
}

async function run(act) {
  try {
    await act();
    by("status").textContent = "";
  } catch (error) {
    by("status").textContent = error.message;
  }
}

by("claim-next").addEventListener("click", () => run(claimNext));
by("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = by("token").value.trim();
  sessionStorage.setItem("token", token);
  by("sign-in").hidden = true;
  run(start);
});
setInterval(() => token && !document.hidden && run(() => Promise.all([showQueues(), showWork()])), REFRESH_MS);
if (token) run(start);
else by("sign-in").hidden = false;
