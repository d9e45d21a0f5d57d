"use strict";
// Forms for commands: fields come from tables; the service reports errors.

// The values of each choice, from the service, so that a new one appears by itself.
let wordsOf = null;
let queueNames = [];

async function learnWords() {
  wordsOf ??= await ask("/console/words.json");
}

const text = (name, label, required = true) => ({ name, label, required });
const choice = (name, label, schema) => ({ name, label, schema, required: true });
const oneOf = (name, label, among, required = true) => ({ name, label, among, required });
const several = (name, label, among) => ({ name, label, several: among });
const list = (name, label) => ({ name, label, list: true, required: true });
const time = (name, label) => ({ name, label, type: "datetime-local", required: false });
const owner = (label, required = false) => ({ name: "owner", label, owners: true, required });

// A place holds one form; typed text stays until it is sent or cancelled.
function openForm(place, says, fields, send) {
  const opener = document.activeElement;
  const put = () => {
    place.replaceChildren();
    opener?.focus();
  };
  place.replaceChildren(form(place.id, says, fields, send, put));
  place.querySelector("input, select, button").focus();
}

function form(prefix, says, fields, send, put) {
  const made = element("form", null, { "aria-label": says });
  for (const field of fields) {
    const id = `${prefix}-${field.name}`;
    if (field.several) {
      made.append(ticksOf(field, id));
      continue;
    }
    const input = inputOf(field, id);
    const label = field.required ? field.label : `${field.label} (optional)`;
    made.append(element("label", label, { for: id }), input);
  }
  const buttons = element("div", null, { class: "buttons" });
  buttons.append(element("button", says), button("Cancel", put));
  made.append(buttons);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    run(() => send(bodyOf(made, fields)));
  });
  return made;
}

function ticksOf(field, id) {
  const made = element("fieldset");
  made.append(element("legend", `${field.label} (optional)`));
  field.several.forEach(({ value, says }, index) => {
    const label = element("label", null, { class: "tick" });
    label.append(element("input", null, { type: "checkbox", name: field.name, value, id: `${id}-${index}` }), says);
    made.append(label);
  });
  return made;
}

function inputOf(field, id) {
  const offered = field.queues ? queueNames : field.among ?? (field.schema && wordsOf[field.schema]);
  const input = element(offered ? "select" : "input", null, { id, name: field.name });
  if (!offered) input.type = field.type ?? "text";
  for (const [key, value] of Object.entries(field.more ?? {})) input.setAttribute(key, value);
  // Nothing is preselected.
  for (const word of offered ? ["", ...offered] : []) input.append(element("option", field.among ? word : words(word), { value: word }));
  if (field.owners) input.setAttribute("list", "teams");
  input.required = field.required;
  return input;
}

function bodyOf(made, fields) {
  const body = {};
  for (const field of fields) {
    if (field.several) {
      const ticked = [...made.querySelectorAll(`[name="${field.name}"]:checked`)].map((input) => input.value);
      if (ticked.length > 0) body[field.name] = ticked;
      continue;
    }
    const told = made.elements[field.name].value.trim();
    if (!told) continue;
    body[field.name] = field.list ? told.split(",").map((one) => one.trim()).filter(Boolean)
      : field.type === "datetime-local" ? new Date(told).toISOString() : told;
  }
  return body;
}
