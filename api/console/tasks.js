"use strict";
// Tasks and holds of a case, and the tasks of one owner over all cases.

const TASK_FIELDS = [text("title", "Title"), choice("action", "Action", "NextAction"),
  owner("Owner: a person or a team"), time("due_at", "Due")];
const HOLD_FIELDS = [choice("what", "What", "HoldOn"), choice("reason", "Reason", "HoldReason"),
  text("note", "Note", false)];
const OPEN_TASK = ["open", "overdue"];

function showSteps(found) {
  const over = found.state === "resolved" || !may("cases.work");
  by("tasks").replaceChildren(found.tasks.length === 0 ? element("p", "No tasks.")
    : table("Tasks", ["Task", "Owner", "State", "Do"], found.tasks.map((task) => taskRow(task, over))));
  by("holds").replaceChildren(found.holds.length === 0 ? element("p", "No holds.")
    : table("Holds", ["Hold", "State", "Do"], found.holds.map((hold) => holdRow(hold, over))));
  by("new-steps").replaceChildren(...(over ? [] : [
    button("New task", () => step("Add the task", TASK_FIELDS, "tasks", {})),
    button("New hold", () => step("Place the hold", HOLD_FIELDS, "holds", {}))]));
}

function step(says, fields, command, about) {
  openForm(by("steps-form"), says, fields, (body) => carryOut(command, { ...about, ...body }, "steps-title"));
}

function taskRow(task, over) {
  const isOpen = OPEN_TASK.includes(task.state);
  const does = element("div", null, { class: "buttons" });
  const about = { task: task.task };
  if (isOpen && !over) {
    does.append(
      button("Done", () => carryOut("complete-task", about, "steps-title"), { "aria-label": `Done: ${task.title}` }),
      button("Drop", () => step(`Drop task ${task.task}`, [text("note", "Why it needs not be done")], "drop-task", about),
        { "aria-label": `Drop: ${task.title}` }));
  }
  return row([lines(task.title, words(task.action)), breakable(task.owner), isOpen ? dueOf(task) : task.state, does]);
}

// Due time counts before the state: the worker may record an overdue task later.
function dueOf(task) {
  if (!task.due_at) return "open";
  const late = task.state === "overdue" || task.overdue || minutesTo(task.due_at) < 0;
  return late ? lines(mark("breached", "overdue"), due(task.due_at)) : lines("open", soon(task.due_at));
}

function holdRow(hold, over) {
  const does = element("div", null, { class: "buttons" });
  if (!hold.released_at && !over) {
    does.append(button("Release", () =>
      step(`Release hold ${hold.hold}`, [text("note", "Why")], "release-hold", { hold: hold.hold }),
    { "aria-label": `Release the hold on ${words(hold.what)}` }));
  }
  const state = hold.released_at ? `released ${ago(hold.released_at)} ago` : `held for ${ago(hold.placed_at)}`;
  return row([lines(words(hold.what), words(hold.reason)), state, does]);
}

// The person's own tasks, unless another owner was chosen.
const ownerOfTasks = () => sessionStorage.getItem("owner") ?? me?.person ?? "";

async function showMine() {
  const whose = ownerOfTasks();
  by("mine").hidden = false;
  const page = whose ? await ask(`/v1/views/tasks?owner=${encodeURIComponent(whose)}&limit=20`) : { items: [] };
  if (whose !== ownerOfTasks()) return;
  fill(by("mine").querySelector("table"), page.items.map((task) => {
    const title = link(task.title, () => showCase(task.case, true),
      { "data-key": `${task.case} ${task.task}`, "aria-label": `${task.title}, ${ofOrder(task)}` });
    return row([lines(title, `${words(task.action)}, ${ofOrder(task)}`), dueOf(task)]);
  }));
  by("mine").querySelector("table").hidden = page.items.length === 0;
  const says = !whose ? "Enter a person or a team." : page.items.length === 0 ? `${whose} has no tasks.`
    : page.next ? "The 20 most pressing." : "";
  if (by("mine-says").textContent !== says) by("mine-says").textContent = says;
}

by("mine-of").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("owner", by("whose").value.trim());
  run(showMine);
});
