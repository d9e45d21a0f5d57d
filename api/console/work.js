"use strict";
// The commands on a case, with their fields, in one table.

const NOT_OVER = ["open", "claimed", "waiting", "pending_approval"];
const COMMANDS = {
  claim: { when: ["open"], says: "Claim", fields: [] },
  notes: { when: NOT_OVER, says: "Note", fields: [text("note", "Note")] },
  wait: { when: ["open", "claimed", "pending_approval"], says: "Wait", fields: [choice("dependency", "For", "Dependency"),
    text("party", "Who, by name"), time("expected_by", "Expected by"), text("note", "Note", false)] },
  resume: { when: ["waiting"], says: "Resume", fields: [text("note", "What arrived", false)] },
  "hand-off": { when: NOT_OVER, says: "Hand off", fields: [
    { name: "to_queue", label: "To queue", queues: true, required: false },
    text("to_person", "To person", false), text("note", "What is to be done")] },
  escalate: { when: NOT_OVER, says: "Escalate", fields: [text("note", "Why")] },
  release: { when: ["claimed", "pending_approval"], says: "Release", fields: [text("note", "Note", false)] },
  resolve: { when: ["claimed"], says: "Resolve", fields: [choice("reason", "Reason", "ResolutionReason"),
    choice("root_cause", "Root cause", "RootCause"), list("evidence", "Evidence (source/id, with commas)"),
    text("note", "Note", false)] },
  reopen: { when: ["resolved"], says: "Reopen", fields: [text("note", "Why")] },
};

// The buttons for what can be done with the case; one that needs words opens its form.
function workOn(found) {
  const able = Object.entries(COMMANDS).filter(([, { when }]) => may("cases.work") && when.includes(found.state));
  by("case-actions").replaceChildren(...able.map(([command, { says, fields }]) => button(says, () => {
    if (fields.length === 0) return carryOut(command, null);
    openForm(by("case-form"), says, fields, (body) => carryOut(command, body));
  })));
}

// Sends a command with the version that was seen. If somebody was faster, the new state is shown and typed text stays.
async function carryOut(command, body, heading = "case-title") {
  const { id, version } = openCase;
  try {
    await post(`/v1/cases/${id}/${command}`, body, version);
  } catch (error) {
    if (error.status !== 412) throw error;
    await showCase(id);
    throw new Error(`${error.message}. The page now shows the current state.`);
  }
  putFormsAway();
  await Promise.all([showCase(id), refresh()]);
  // Not while the person fills in the next form already.
  if (!by("case").querySelector(".form :focus")) by(heading).focus();
  tell("Done. It is recorded in the trail.");
}

function putFormsAway() {
  for (const place of document.querySelectorAll("#case .form")) place.replaceChildren();
}
