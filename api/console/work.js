"use strict";
// The commands on a case, as forms. What each needs stands in one table; what the service refuses,
// it says itself.

// The schemas of the contract. Choices list their words from there, so that a new word of the domain
// shows by itself.
let schemas = null;

async function learnWords() {
  schemas ??= (await ask("/openapi.json")).components.schemas;
}

const text = (name, label, required = true) => ({ name, label, required });
const choice = (name, label, schema) => ({ name, label, schema, required: true });
const list = (name, label) => ({ name, label, list: true, required: true });
const time = (name, label) => ({ name, label, type: "datetime-local", required: false });

const COMMANDS = {
  claim: { when: ["open"], says: "Claim", fields: [] },
  notes: { when: ["open", "claimed", "waiting"], says: "Note", fields: [text("note", "Note")] },
  wait: { when: ["open", "claimed"], says: "Wait", fields: [choice("dependency", "For", "Dependency"),
    text("party", "Who, by name"), time("expected_by", "Expected by"), text("note", "Note", false)] },
  resume: { when: ["waiting"], says: "Resume", fields: [text("note", "What has come", false)] },
  "hand-off": { when: ["open", "claimed", "waiting"], says: "Hand off", fields: [
    { name: "to_queue", label: "To queue", queues: true, required: false },
    text("to_person", "To person", false), text("note", "What is to be done")] },
  escalate: { when: ["open", "claimed", "waiting"], says: "Escalate", fields: [text("note", "Why")] },
  release: { when: ["claimed"], says: "Release", fields: [text("note", "Note", false)] },
  resolve: { when: ["claimed"], says: "Resolve", fields: [choice("reason", "Reason", "ResolutionReason"),
    choice("root_cause", "Root cause", "RootCause"), list("evidence", "Evidence (source/id, with commas)"),
    text("note", "Note", false)] },
  reopen: { when: ["resolved"], says: "Reopen", fields: [text("note", "Why")] },
};

// The buttons for what can be done with the case; one that needs words opens its form.
function workOn(found, holder, send, queues) {
  holder.replaceChildren();
  for (const [command, { when, says, fields }] of Object.entries(COMMANDS)) {
    if (!when.includes(found.state)) continue;
    const button = element("button", says, { type: "button" });
    button.addEventListener("click", () => {
      if (fields.length === 0) return send(command, null);
      holder.querySelector("form")?.remove();
      holder.append(form(command, says, fields, send, queues));
      holder.querySelector("form input, form select")?.focus();
    });
    holder.append(button);
  }
}

function form(command, says, fields, send, queues) {
  const made = element("form", null, { "aria-label": says });
  for (const field of fields) {
    const id = `field-${field.name}`;
    const words = field.queues ? queues : field.schema && schemas[field.schema].enum;
    const options = words && ["", ...words];  // nothing is chosen that nobody chose
    const input = options
      ? element("select", null, { id, name: field.name })
      : element("input", null, { id, name: field.name, type: field.type ?? "text" });
    for (const option of options ?? []) input.append(element("option", option, { value: option }));
    input.required = field.required;
    made.append(element("label", field.label, { for: id }), input);
  }
  made.append(element("button", says));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = {};
    for (const field of fields) {
      const told = made.elements[field.name].value.trim();
      if (!told) continue;
      body[field.name] = field.list ? told.split(",").map((one) => one.trim()).filter(Boolean)
        : field.type === "datetime-local" ? new Date(told).toISOString() : told;
    }
    send(command, body);
  });
  return made;
}

// A moment that is to come, or has passed, in words.
function due(moment) {
  if (!moment) return "";
  const minutes = Math.round((new Date(moment) - Date.now()) / 60000);
  const many = Math.abs(minutes);
  const span = many < 60 ? `${many} min` : many < 48 * 60 ? `${Math.round(many / 60)} h` : `${Math.round(many / 1440)} d`;
  return minutes < 0 ? `${span} late` : `in ${span}`;
}
