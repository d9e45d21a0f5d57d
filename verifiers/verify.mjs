// Verifies a bundle of casetrail: node verify.mjs BUNDLE [KEY [WITNESS]]. Written from docs/bundle.md, with
// nothing but Node. Prints the verdict as JSON and ends with 0 if the bundle is verified, else with 1.
import { createHash, createPublicKey, verify as holds } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
const ASKS = ["everything", "case", "period", "population"];
const ALWAYS = ["key", "checkpoint", "events.ndjson", "leaves.txt", "nodes.txt"];
const PROPOSED = "case.adjustment_proposed";
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const fault = (code, file, detail, line = null, position = null) => ({ code, file, detail, line, position });
function broken(...told) { throw { fault: fault(...told) }; }
function must(isSo) { if (!isSo) throw new Error("it is not so"); }
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leafHash = (envelope) => sha256(Buffer.from([0]), envelope);
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right);
function attempt(work, ...otherwise) {
  try { return work(); } catch { return broken(...otherwise); }
}
const read = (bundle, name) => attempt(() => readFileSync(join(bundle, name)), "file_missing", name, "the file is not there");
function linesOf(content) {
  const lines = [];
  for (let at = 0, end = 0; at < content.length; at = end) {
    end = content.indexOf(10, at) + 1 || content.length;
    lines.push(content.subarray(at, end));
  }
  return lines;
}
const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
function base64(text) {
  const found = Buffer.from(text, "base64");
  must(found.length && found.toString("base64") === text); // its one canonical spelling
  return found;
}

// Keys and signed notes (c2sp.org/signed-note)
function keyOf(told, kind = 1) {
  const text = told.trim();
  const [name, id] = text.split("+");
  const material = base64(text.slice(name.length + id.length + 2));
  must(name && material.length === 33 && material[0] === kind);
  must(sha256(`${name}\n`, material).subarray(0, 4).toString("hex") === id);
  const der = { key: Buffer.concat([SPKI, material.subarray(1)]), format: "der", type: "spki" };
  return { name, id, text, public: createPublicKey(der) };
}
function opened(note, key, when = null) {
  const whole = textOf(note);
  const gap = whole.lastIndexOf("\n\n");
  must(gap >= 0 && whole.endsWith("\n"));
  const text = whole.slice(0, gap + 1);
  for (const line of whole.slice(gap + 2, -1).split("\n")) {
    const [dash, name, ...told] = line.split(" ");
    must(dash === "\u2014" && name && told.length);
    if (name !== key.name) continue;
    const signature = base64(told.join(" "));
    if (signature.subarray(0, 4).toString("hex") !== key.id) continue;
    const at = when && signature.readBigUInt64BE(4); // a witness signs the time, too
    must(holds(null, Buffer.from(when ? `cosignature/v1\ntime ${at}\n${text}` : text), key.public, signature.subarray(when ? 12 : 4)));
    return when ? Number(at) : text;
  }
  return must(false);
}
function manifestOf(note, key) {
  const found = attempt(() => JSON.parse(opened(note, key)), "manifest", "manifest.note", "the manifest is not as signed");
  const isCount = (one) => Number.isInteger(one) && one >= 0;
  const files = Object.keys(found?.files ?? {});
  const isWhole =
    found?.format === "casetrail-bundle/1" && isCount(found.size) && isCount(found.since) && ASKS.includes(found.question?.ask) &&
    ALWAYS.every((name) => files.includes(name)) && files.every((name) => name === "since" || ALWAYS.includes(name)) &&
    (found.question.ask !== "population" || typeof found.question.type === "string");
  if (!isWhole) broken("manifest", "manifest.note", "the manifest lacks what it must say");
  return found;
}
function checkpointOf(bundle, name, size, key) {
  const note = read(bundle, name);
  const [, told, base] = attempt(() => opened(note, key).split("\n"), "checkpoint", name, "the checkpoint is not as signed");
  const found = { size: Number(told), root: Buffer.from(base, "base64") };
  return found.size === size ? found : broken("checkpoint", name, `it is of ${found.size} positions, not of ${size}`);
}
const faultsOfFiles = (bundle, digests) => [
  ...Object.keys(digests).sort()
    .filter((name) => sha256(read(bundle, name)).toString("hex") !== digests[name])
    .map((name) => fault("file_changed", name, "the file is not the one that the manifest names")),
  ...readdirSync(bundle).sort()
    .filter((name) => name !== "manifest.note" && !(name in digests))
    .map((name) => fault("file_added", name, "the manifest does not name the file")),
];
// The tree (RFC 9162): its full subtrees so far
class Frontier {
  size = 0;
  peaks = [];
  push(level, hash) {
    this.size += 2 ** level;
    while (this.peaks.length && this.peaks.at(-1).level === level) {
      hash = nodeHash(this.peaks.pop().hash, hash);
      level += 1;
    }
    this.peaks.push({ level, hash });
  }
  root() {
    return this.peaks.map((peak) => peak.hash).reduceRight((right, left) => nodeHash(left, right));
  }
}
function runsOf(content, size, since) {
  const runs = [];
  let at = 0;
  const before = [];
  const upto = (end) => {
    for (const last of at < since && since < end ? [since, end] : [end]) {
      if (at < last) runs.push({ nodes: before.splice(0), first: at + 1, end: last + 1 });
      at = Math.max(at, last);
    }
  };
  linesOf(content).forEach((line, n) => {
    const found = /^(0|[1-9][0-9]*) (0|[1-9][0-9]*) ([0-9a-f]{64})\n$/.exec(line.toString("latin1"));
    if (!found) broken("nodes", "nodes.txt", "the line is none of LEVEL PLACE HASH", n + 1);
    const level = Number(found[1]);
    const first = Number(found[2]) * 2 ** level;
    const end = first + 2 ** level;
    const stands = first >= at && end <= size && !(first < since && since < end);
    if (!stands) broken("nodes", "nodes.txt", "the subtree cannot stand here", n + 1);
    upto(first);
    before.push({ level, end, hash: Buffer.from(found[3], "hex") });
    at = end;
  });
  upto(size);
  if (before.length) runs.push({ nodes: before, first: size + 1, end: size + 1 });
  return runs;
}
function rootOf(lines, leaves, runs, since, count, faults) {
  const frontier = new Frontier();
  let next = 0;
  const hold = () => {
    const isLost = since && frontier.size === since.size && !frontier.root().equals(since.root);
    if (isLost && !faults.some((one) => one.file === "since" && one.code === "root")) faults.push(fault("root", "since", `the first ${since.size} positions have another root`));
  };
  for (const run of runs) {
    for (const node of run.nodes) hold() || frontier.push(node.level, node.hash);
    hold();
    for (let position = run.first; position < run.end; position++, next++) {
      const found = next < lines.length ? eventOf(lines[next]) : null;
      if (found?.position !== position) return null;
      const leaf = leafHash(found.envelope);
      if (leaves[next]?.toString("latin1") !== `${leaf.toString("hex")}\n`) return null;
      frontier.push(0, leaf);
      count?.look(position, found.envelope);
    }
  }
  hold();
  if (next !== lines.length || next !== leaves.length) return null;
  return frontier.root();
}
function eventOf(line) {
  const head = /^\{"position":([1-9][0-9]{0,14}),"envelope":/.exec(line.subarray(0, 48).toString("latin1"));
  const end = line.length - 2;
  if (!head || end < head[0].length || line[end] !== 0x7d || line[end + 1] !== 10) return null;
  return { position: Number(head[1]), envelope: line.subarray(head[0].length, end) };
}

// Where events differ from what was exported
function located(lines, leaves, runs, inEvents) {
  const positions = runs.flatMap((run) => Array.from({ length: run.end - run.first }, (_, n) => run.first + n));
  const order = new Map(positions.map((position, n) => [position, n]));
  const faults = [];
  const late = new Set();
  const suspected = new Set();
  const tell = (code, detail, line, position) => faults.push(fault(code, "events.ndjson", detail, line, position));
  let due = 0;
  lines.forEach((line, n) => {
    const found = eventOf(line);
    if (!found) {
      suspected.add(positions[due]);
      return tell("malformed", "the line is none of an event", n + 1, positions[due] ?? null);
    }
    const { position, envelope } = found;
    const place = order.get(position);
    if (place === undefined) return tell("added", "no event of this position was exported", n + 1, position);
    if (place < due && !late.delete(position)) return tell("duplicated", "the position stands here again", n + 1, position);
    if (place < due) tell("moved", "the event stands after later ones", n + 1, position);
    else for (const skipped of positions.slice(due, place)) late.add(skipped);
    due = Math.max(due, place + 1);
    const leaf = `${leafHash(envelope).toString("hex")}\n`;
    if (place >= leaves.length || leaves[place].toString("latin1") === leaf) return;
    tell("changed", "the event is not what its leaf says", n + 1, position);
  });
  for (const position of [...late, ...positions.slice(due)]) {
    if (!suspected.has(position)) tell("missing", "the event is not there", null, position);
  }
  if (inEvents) return faults;
  let changed = faults.filter((one) => one.code === "changed").map((one) => one.position);
  if (leaves.length !== positions.length) changed = changed.length ? changed.slice(0, 1) : [null];
  const placeOf = (position) => (position === null ? Math.min(leaves.length, positions.length) : order.get(position));
  return changed.map((one) => fault("leaf", "leaves.txt", "the leaf is not that of its event", placeOf(one) + 1, one));
}

// What a population's question comes to
const scaled = (text, scale) => BigInt(text.replace(".", "")) * 10n ** BigInt(scale - scaleOf(text));
const scaleOf = (text) => (text.includes(".") ? text.length - text.indexOf(".") - 1 : 0);
const comparable = (moment) =>
  moment.replace(/^([^.Z]*)\.?(\d*)Z?$/, (_, seconds, fraction) => `${seconds}.${fraction.padEnd(9, "0")}`);
function aligned(one, other) {
  const scale = Math.max(scaleOf(one), scaleOf(other));
  return [scaled(one, scale), scaled(other, scale), scale];
}
function plus(one, other) {
  const [left, right, scale] = aligned(one, other);
  const digits = String(left + right).padStart(scale + 1, "0");
  return scale ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits;
}
const isMore = (...both) => ((pair) => pair[0] > pair[1])(aligned(...both));

class Count {
  many = 0;
  sums = {};
  unknown = [];
  proposals = new Map();
  constructor(question) {
    this.question = question;
    this.joins = question.type.startsWith("case.adjustment_");
    this.marks = (this.joins ? [question.type, PROPOSED] : [question.type]).map((one) => `"${one}"`);
  }
  look(position, envelope) {
    if (!this.marks.some((mark) => envelope.includes(mark))) return;
    const { stream, recorded_at, event } = JSON.parse(textOf(envelope));
    const asked = this.question;
    const named = `${stream} ${event.adjustment ?? ""}`;
    if (event.type === PROPOSED) this.proposals.set(named, event);
    if (event.type !== asked.type) return;
    const at = comparable(recorded_at);
    if ((asked.from && at < comparable(asked.from)) || (asked.to && at >= comparable(asked.to))) return;
    const proposal = this.proposals.get(named);
    const kind = event.kind ?? proposal?.kind;
    const money = event.amount ?? proposal?.amount;
    if ((asked.kind !== undefined && kind === undefined) || (this.joins && money === undefined)) this.unknown.push(position);
    if (asked.kind !== undefined && kind !== asked.kind) return;
    if (typeof money === "object" && money !== null) {
      const { amount, currency } = money;
      if (asked.currency !== undefined && currency !== asked.currency) return;
      if (asked.over !== undefined && !isMore(amount, asked.over)) return;
      this.sums[currency] = plus(this.sums[currency] ?? "0", amount);
    } else if (asked.over !== undefined || asked.currency !== undefined) return;
    this.many += 1;
  }
  get answer() {
    return { count: this.many, sums: Object.fromEntries(Object.entries(this.sums).sort()) };
  }
}
function faultsOfAnswer(manifest, runs, count) {
  const faults = count.unknown.map((position) =>
    fault("answer", "events.ndjson", "what was proposed, and so its kind and amount, is not there", null, position));
  const isComplete = runs.every((run) => run.nodes.every((node) => node.end <= manifest.since));
  if (!isComplete) faults.push(fault("answer", "nodes.txt", `events after position ${manifest.since} are left out`));
  const stated = JSON.stringify(manifest.answer);
  if (JSON.stringify(count.answer) !== stated) faults.push(fault("answer", "manifest.note", `the manifest states ${stated}`));
  return faults;
}

// The verdict
function verified(bundle, key, witness, told) {
  const manifest = manifestOf(read(bundle, "manifest.note"), key);
  const faults = faultsOfFiles(bundle, manifest.files);
  const signed = checkpointOf(bundle, "checkpoint", manifest.size, key);
  try { told.cosigned = witness && opened(read(bundle, "checkpoint"), witness, true); }
  catch { faults.push(fault("witness", "checkpoint", "the witness has not cosigned it")); }
  const since = manifest.since ? checkpointOf(bundle, "since", manifest.since, key) : null;
  const runs = runsOf(read(bundle, "nodes.txt"), signed.size, since?.size ?? 0);
  const count = manifest.question.ask === "population" ? new Count(manifest.question) : null;
  const [lines, leaves] = ["events.ndjson", "leaves.txt"].map((name) => linesOf(read(bundle, name)));
  const lost = fault("root", "checkpoint", "the events and subtrees do not have the root that was signed");
  Object.assign(told, { question: manifest.question, size: signed.size });
  const root = rootOf(lines, leaves, runs, since, count, faults);
  if (root === null) {
    const isChanged = faults.some((one) => one.code === "file_changed" && one.file === "events.ndjson");
    const found = located(lines, leaves, runs, isChanged);
    if (!found.length) found.push(lost);
    const isCoarse = (one) => one.code === "file_changed" && found.some((other) => other.file === one.file);
    told.faults = [...faults.filter((one) => !isCoarse(one)), ...found];
    return;
  }
  if (!root.equals(signed.root)) faults.push(lost);
  if (count) faults.push(...faultsOfAnswer(manifest, runs, count));
  Object.assign(told, { verified: !faults.length, faults, root: root.toString("hex"), events: lines.length });
  told.answer = count ? count.answer : null;
}
function main([bundle, given, cosigner]) {
  const told = { verified: false, faults: [], key: null, question: null, size: null, root: null, events: 0, answer: null, cosigned: null };
  try {
    const text = given ?? read(bundle, "key");
    const key = attempt(() => keyOf(typeof text === "string" ? text : textOf(text)), "key", "key", "the key cannot be used");
    const witness = cosigner ? attempt(() => keyOf(cosigner, 4), "key", "key", "the key cannot be used") : null;
    told.key = key.text;
    verified(bundle, key, witness, told);
  } catch (error) {
    if (!error.fault) throw error;
    Object.assign(told, { faults: [error.fault], question: null, size: null, cosigned: null });
  }
  console.log(JSON.stringify({ ...told, faults: told.faults.slice(0, 100) }));
  return told.verified ? 0 : 1;
}
process.exitCode = main(process.argv.slice(2));
