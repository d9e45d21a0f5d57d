"use strict";
// The plan to recover a queue that has fallen behind.

const ACTION_FIELDS = [text("title", "Title"), owner("Owner: a person or a team"), time("due_at", "Due")];
const OWNER_FIELDS = [owner("New owner: a person or a team", true), text("note", "Note", false)];
let openPlan = null;

async function showPlan(queue, focus = false) {
  const plan = await ask(`/v1/queues/${encodeURIComponent(queue)}/recovery`);
  if (openPlan?.queue !== queue) by("plan-form").replaceChildren();
  openPlan = plan;
  by("plan").hidden = false;
  by("plan-title").textContent = `Plan ${plan.plan} to recover: ${words(queue)}`;
  describe(by("plan-facts"), {
    owner: plan.owner,
    state: plan.closed_at ? "recovered" : "recovering",
    began: local(plan.opened_at),
    causes: plan.causes.map((cause) => causeOf(cause, plan)).join("; "),
    "measured at the beginning": holds(plan.measured),
    "ends when down to": target(plan.thresholds),
    "measured at the end": plan.recovered && holds(plan.recovered),
    ended: plan.closed_at && local(plan.closed_at),
  });
  showActions(plan);
  if (focus) by("plan-title").focus();
}

function causeOf(cause, { thresholds, measured, opened_at }) {
  if (cause === "volume") return `volume: ${measured.cases} cases, ${thresholds.volume} are allowed`;
  if (cause !== "age") return words(cause);
  const old = span((new Date(opened_at) - new Date(measured.oldest_queued_at)) / 60000);
  return `age: the oldest waited ${old}, ${lasting(thresholds.age)} are allowed`;
}

function holds(measured) {
  const told = element("span", `${measured.cases} cases`);
  if (measured.oldest_queued_at) told.append(", the oldest since ", local(measured.oldest_queued_at));
  return told;
}

function target({ recovered_volume: cases, recovered_age: age }) {
  return [cases !== null && `${cases} cases`, age && `none older than ${lasting(age)}`].filter(Boolean).join(", ");
}

// A duration of the policy (P5D, PT8H) in words.
function lasting(duration) {
  const names = { D: "d", H: "h", M: "min", S: "s" };
  return [...duration.matchAll(/([\d.]+)([DHMS])/g)].map(([, many, unit]) => `${many} ${names[unit]}`).join(" ") || duration;
}

function showActions(plan) {
  by("plan-actions").replaceChildren(plan.actions.length === 0 ? element("p", "No action yet.")
    : table("Actions", ["Action", "Owner", "State", "Do"], plan.actions.map((action) => actionRow(action, plan))));
  by("plan-buttons").replaceChildren(...(plan.closed_at ? [] : [
    button("Add an action", () => openForm(by("plan-form"), "Add the action", ACTION_FIELDS, (body) => onPlan("actions", body))),
    button("Take over", () => openForm(by("plan-form"), "Give it to the new owner", OWNER_FIELDS, (body) => onPlan("owner", body)))]));
}

function actionRow(action, plan) {
  const state = action.done_at ? `done ${ago(action.done_at)} ago` : dueOf(action);
  const does = action.done_at || plan.closed_at ? "" : button("Done",
    () => onPlan("complete-action", { action: action.action }), { "aria-label": `Done: ${action.title}` });
  return row([action.title, breakable(action.owner), state, does]);
}

async function onPlan(command, body) {
  const { queue, version } = openPlan;
  try {
    await post(`/v1/queues/${encodeURIComponent(queue)}/recovery/${command}`, body, version);
  } catch (error) {
    if (error.status !== 412) throw error;
    await showPlan(queue);
    throw new Error(`${error.message}. The page now shows the current state.`);
  }
  by("plan-form").replaceChildren();
  await Promise.all([showPlan(queue, true), refresh()]);
  tell("Done. It is recorded in the plan.");
}

by("plan-hide").addEventListener("click", () => {
  by("plan").hidden = true;
  openPlan = null;
  by("queues-title").focus();
});
