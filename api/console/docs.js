"use strict";
// Searches operations and schemas by words and opens the one that a link points to. The page is complete
// without it.

const found = document.getElementById("found");
const parts = [...document.querySelectorAll(".operation, .shape")];
const said = new Map(parts.map((one) => [one, one.textContent.toLowerCase()]));

function find(words) {
  let many = 0;
  for (const one of parts) {
    // A schema is found by its name alone.
    const text = one.matches(".shape") ? one.id.toLowerCase() : said.get(one);
    one.hidden = !words.every((word) => text.includes(word));
    if (!one.hidden) many += 1;
  }
  for (const section of document.querySelectorAll("main > section")) {
    const among = [...section.querySelectorAll(":scope > details")];
    section.hidden = among.length > 0 && among.every((one) => one.hidden);
  }
  found.textContent = words.length > 0 ? `${many} found` : "";
}

function openWanted() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted?.tagName !== "DETAILS") return;
  if (wanted.hidden) {
    field.value = "";
    find([]);
  }
  wanted.open = true;
  wanted.scrollIntoView();
}

const field = document.getElementById("find");
const findTyped = () => find(field.value.toLowerCase().split(/\s+/).filter(Boolean));
field.addEventListener("input", findTyped);
window.addEventListener("hashchange", openWanted);
// Text may have been typed before this script was loaded.
findTyped();
openWanted();
