"use strict";
// Shared by all parts of the page: requests, elements and messages. All text is set as text, never as
// markup, so that text from a source cannot run as script.

const by = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
// The log position of the last command: the next read must include it.
let written = null;
let sending = false;
// Requests without an answer: sent again with the same key, they are carried out once.
const unanswered = new Map();
// The person of the token, with permissions.
let me = null;

// The demonstration's link carries a token in its fragment, which is never sent to a server.
if (location.hash.startsWith("#ct_")) {
  token = location.hash.slice(1);
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
}

class Refused extends Error {
  constructor(status, problem) {
    super(saidOfProblem(problem));
    this.status = status;
    this.problem = problem;
  }

  // True if the request was not carried out and never will be.
  get isDefinite() {
    return this.status < 500 && this.problem.type !== "/problems/idempotency-key-in-flight";
  }
}

// The message of the service, with the rule that it applied.
function saidOfProblem({ title, detail, rule }) {
  const said = [title, detail].filter(Boolean).join(": ");
  return rule ? `${said} (rule ${rule})` : said;
}

async function learnMe() {
  me = await ask("/v1/me");
}

const may = (permission) => Boolean(me?.permissions.includes(permission));

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  if (written && !options.method) headers["Casetrail-Min-Position"] = written;
  const answer = await fetch(path, { ...options, headers }).catch(() => {
    throw new Error("The service does not answer.");
  });
  if (answer.status === 401) {
    signOut();
    throw new Refused(401, { title: "This token is not known, or has expired." });
  }
  if (options.method) written = answer.headers.get("Casetrail-Position");
  if (answer.status === 204) return null;
  const body = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

// One command at a time: pressing a button twice does not send it twice.
async function post(path, body, version) {
  if (sending) throw new Error("The previous command is still running.");
  sending = true;
  const said = body ? JSON.stringify(body) : undefined;
  const what = `${path} ${said}`;
  const request = unanswered.get(what) ?? { key: crypto.randomUUID(), version };
  unanswered.set(what, request);
  try {
    const headers = { "Idempotency-Key": request.key };
    if (request.version !== undefined) headers["If-Match"] = `"${request.version}"`;
    if (body) headers["Content-Type"] = "application/json";
    const answer = await ask(path, { method: "POST", headers, body: said });
    unanswered.delete(what);
    return answer;
  } catch (error) {
    if (!error.isDefinite) throw new Error(`${error.message} Send it again: it is done once.`);
    unanswered.delete(what);
    throw error;
  } finally {
    sending = false;
  }
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The first cell says what the row is about.
function row(cells) {
  const made = element("tr");
  cells.forEach((cell, index) => {
    const holder = index === 0 ? element("th", null, { scope: "row" }) : element("td");
    holder.append(cell instanceof Node ? cell : String(cell ?? ""));
    if (typeof cell === "number") holder.className = "number";
    made.append(holder);
  });
  return made;
}

function table(name, headings, rows) {
  const made = element("table", null, { "aria-label": name });
  const top = element("tr");
  for (const heading of headings) top.append(element("th", heading, { scope: "col" }));
  made.createTHead().append(top);
  made.createTBody().append(...rows);
  return made;
}

function lines(...parts) {
  const made = element("div");
  for (const [index, part] of parts.entries()) {
    if (!part) continue;
    const holder = element("div", null, index ? { class: "minor" } : {});
    holder.append(part);
    made.append(holder);
  }
  return made;
}

function button(text, act, attributes = {}) {
  const made = element("button", text, { type: "button", ...attributes });
  made.addEventListener("click", () => run(() => act(made)));
  return made;
}

const link = (text, act, attributes = {}) => button(text, act, { class: "link", ...attributes });

// Unchanged rows stay in place, so that nothing pressed, selected or focused is lost.
function fill(table, rows) {
  const body = table.tBodies[0];
  const fresh = element("tbody");
  fresh.append(...rows);
  if (fresh.innerHTML === body.innerHTML) return;
  const focused = body.contains(document.activeElement) && document.activeElement.dataset.key;
  body.replaceChildren(...fresh.childNodes);
  if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function describe(holder, facts) {
  holder.replaceChildren(...Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => {
      const pair = element("div");
      const told = element("dd");
      told.append(value instanceof Node ? value : String(value));
      pair.append(element("dt", name), told);
      return pair;
    }));
}

// A long name breaks after its points and underscores, rather than anywhere.
function breakable(name) {
  const made = element("span");
  for (const part of name.split(/(?<=[._])/)) made.append(part, element("wbr"));
  return made;
}

// An order's id, with its shop where that is not the default one.
const orderName = ({ order, order_id, shop }) => (shop && shop !== "default" ? `${order ?? order_id} in the shop ${shop}` : order ?? order_id);

// Of a list's row: it does not say what a case is about that is about no order.
const ofOrder = (item) => (orderName(item) ? `order ${orderName(item)}` : "no order");

// “LOST” from shopify-de (not in tracking), the source shopify-de, payment pi_3.
function aboutOf({ about, ...item }) {
  if (!about) return ofOrder(item);
  if (about.code !== undefined) return `“${about.code}” from ${about.source} (not in ${about.table})`;
  if (about.sources) return `the sources ${about.sources.join(", ")}`;
  if (about.source) return `the source ${about.source}`;
  return Object.entries(about.references ?? {}).map(([kind, value]) => `${kind} ${value}`).join(" and ");
}

const words = (name) => String(name ?? "").replaceAll("_", " ");

function span(minutes) {
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h`;
  return `${Math.round(minutes / 1440)} d`;
}

const minutesTo = (moment) => (new Date(moment) - Date.now()) / 60000;
const ago = (moment) => (moment ? span(Math.max(0, -minutesTo(moment))) : "");
const local = (moment) => element("time", new Date(moment).toLocaleString(), { datetime: moment });

// A future or past moment in words.
function due(moment) {
  if (!moment) return "";
  const minutes = minutesTo(moment);
  return minutes < 0 ? `${span(-minutes)} late` : `in ${span(minutes)}`;
}

const soon = (moment) => (minutesTo(moment) < 0 ? due(moment) : `due ${due(moment)}`);

// A message stays until the next act, so that a refusal can be read.
function tell(message, refused = false) {
  const status = by("status");
  if (status.textContent !== message) status.textContent = message;
  status.classList.toggle("refused", refused);
}

async function run(act) {
  tell("");
  try {
    await act();
  } catch (error) {
    tell(error.message, true);
  }
}

function signOut() {
  token = me = null;
  unanswered.clear();
  sessionStorage.removeItem("token");
  for (const section of document.querySelectorAll("main > section")) section.hidden = true;
  by("sign-in").hidden = false;
}
