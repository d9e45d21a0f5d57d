// Verifies a bundle of casetrail: node verify.mjs BUNDLE [KEY [WITNESS]]. Written from docs/bundle.md, with
// nothing but Node. Prints the verdict as JSON and ends with 0 if the bundle is verified, else with 1.
import { createHash, createPublicKey, verify as holds } from "node:crypto";
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
const [FILES, PROPOSED] = [["checkpoint", "events.ndjson", "key", "leaves.txt", "nodes.txt"], "case.adjustment_proposed"];
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const KEY = /^([^+\0-\x20\p{White_Space}\p{Cs}]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/u;
const SIGNATURE = /^\u2014 ([^+\0-\x20\p{White_Space}\p{Cs}]+) ([A-Za-z0-9+/=]+)$/u;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const HEAD = /^\{"stream":"([0-9a-f-]{36})","version":([1-9]\d{0,15}),"recorded_at":"([^"]*)",/;
const [MONEY, SUM, CURRENCY] = [/^-?\d{1,15}(\.\d{1,6})?$/, /^-?\d{1,30}(\.\d{1,6})?$/, /^[A-Z]{3}$/];
const [TEXT, OVER, UUID] = [/^[^\ud800-\udfff]*$/u, /^\d{1,15}(\.\d{1,6})?$/, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/];
const SHAPES = new Map(Object.entries({ ask: TEXT, case: UUID, type: TEXT, kind: TEXT, over: OVER, currency: TEXT, from: MOMENT, to: MOMENT }));
const ASKS = new Map([
  ["everything", [/^ask$/, "these are all events of the log, up to its size"]],
  ["case", [/^ask,case$/, "these are the first events of the case; later ones may have been left out"]],
  ["period", [/^ask,from,to$/, "these events were recorded in the period; others of it may have been left out"]],
  ["population", [/^ask(,currency)?(,from)?(,kind)?(,over)?(,to)?,type$/, "of the events after `since`, these are all that were asked for"]],
]);
const fault = (code, file, detail, line = null, position = null) => ({ code, file, detail, line, position });
function broken(...told) { throw { fault: fault(...told) }; }
function must(isSo) { if (!isSo) throw new Error("it is not so"); }
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leafHash = (envelope) => sha256(Buffer.from([0]), envelope);
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right);
function attempt(work, ...otherwise) { try { return work(); } catch { return broken(...otherwise); } }
function read(bundle, name) {
  try {
    if (lstatSync(join(bundle, name)).isFile()) return readFileSync(join(bundle, name));
  } catch ({ code }) {
    if (code !== "ENOENT" && code !== "ENOTDIR") broken("file_unreadable", name, "the file cannot be read");
  }
  return broken("file_missing", name, "no such plain file exists");
}
function linesOf(content) {
  const lines = [];
  for (let at = 0, end = 0; at < content.length; at = end) {
    end = content.indexOf(10, at) + 1 || content.length;
    lines.push(content.subarray(at, end));
  }
  return lines;
}
const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
function base64(text, least = 1) {
  const found = Buffer.from(text, "base64");
  return must(found.length >= least && found.toString("base64") === text), found; // its one canonical spelling
}

// Keys and signed notes (c2sp.org/signed-note)
function keyOf(told, kind = 1) {
  const [, name, id, encoded] = KEY.exec(told);
  const material = base64(encoded);
  must(material.length === 33 && material[0] === kind && sha256(`${name}\n`, material).toString("hex", 0, 4) === id);
  const key = Buffer.concat([SPKI, material.subarray(1)]);
  return { name, id, text: `${name}+${id}+${encoded}`, public: createPublicKey({ key, format: "der", type: "spki" }) };
}
function opened(note, key, isWitness = false) {
  const whole = textOf(note);
  const gap = whole.lastIndexOf("\n\n");
  must(gap >= 0 && whole.endsWith("\n") && !/[\0-\x09\x0b-\x1f]/.test(whole));
  const lines = whole.slice(gap + 2, -1).split("\n").map((line) => SIGNATURE.exec(line));
  const signatures = lines.map(([, name, told]) => ({ name, told: base64(told, 5) }));
  const { told } = signatures.find((one) => one.name === key.name && one.told.toString("hex", 0, 4) === key.id);
  const text = whole.slice(0, gap + 1);
  const at = isWitness ? Number(told.readBigUInt64BE(4)) : 0; // a witness signs the time, too
  const signed = isWitness ? `cosignature/v1\ntime ${at}\n${text}` : text;
  must(at <= 253402300799 && holds(null, Buffer.from(signed), key.public, told.subarray(isWitness ? 12 : 4)));
  return isWitness ? at : text;
}
const isCount = (one) => Number.isSafeInteger(one) && one >= 0;
const isText = (one, shape) => typeof one === "string" && shape !== undefined && shape.test(one);
const namesAre = (one, ...names) => JSON.stringify(Object.keys(one).sort()) === JSON.stringify(names);
const areAll = (one, isSo) => JSON.stringify(one)[0] === "{" && Object.entries(one).every(isSo);
function isWhole(told) {
  const { format, question, size, since, events, answer, files } = told;
  const isList = question.ask === "population";
  return namesAre(told, "answer", "events", "files", "format", "question", "since", "size") && format === "casetrail-bundle/1" &&
    [size, since, events].every(isCount) && since <= size && size > 0 && (isList || since === 0) &&
    areAll(question, ([name, said]) => isText(said, SHAPES.get(name))) && ASKS.get(question.ask)?.[0].test(Object.keys(question).sort().join()) &&
    (isList ? namesAre(answer, "count", "sums") && isCount(answer.count) && areAll(answer.sums, ([name, sum]) => CURRENCY.test(name) && isText(sum, SUM)) : answer === null) &&
    namesAre(files, ...FILES, ...(since ? ["since"] : [])) && areAll(files, ([, digest]) => isText(digest, /^[0-9a-f]{64}$/));
}
function manifestOf(note, key) {
  return attempt(() => {
    const found = JSON.parse(opened(note, key));
    return must(`${JSON.stringify(found)}\n` === opened(note, key) && isWhole(found)), found;
  }, "manifest", "manifest.note", "the manifest cannot be verified, or is not valid");
}
function checkpointOf(bundle, name, size, key) {
  const note = read(bundle, name);
  return attempt(() => {
    const [origin, told, base, ...rest] = opened(note, key).split("\n");
    must(origin && rest.length && told === String(size) && base64(base).length === 32);
    return { size, root: base64(base) };
  }, "checkpoint", name, `the checkpoint cannot be verified, or does not have ${size} positions`);
}
const faultsOfFiles = (bundle, digests) => [
  ...Object.keys(digests).sort()
    .filter((name) => sha256(read(bundle, name)).toString("hex") !== digests[name])
    .map((name) => fault("file_changed", name, "the file's digest is not the manifest's")),
  ...attempt(() => readdirSync(bundle, "buffer"), "file_unreadable", ".", "the directory cannot be read")
    .sort(Buffer.compare).map(String).filter((name) => name !== "manifest.note" && !Object.hasOwn(digests, name))
    .map((name) => fault("file_added", name, "the manifest does not list the file")),
];
// The tree (RFC 9162): its full subtrees so far
class Frontier {
  size = 0; peaks = [];
  push(level, hash) {
    this.size += 2 ** level;
    for (; this.peaks.at(-1)?.level === level; level += 1) hash = nodeHash(this.peaks.pop().hash, hash);
    this.peaks.push({ level, hash });
  }
  root() { return this.peaks.map((peak) => peak.hash).reduceRight((right, left) => nodeHash(left, right)); }
}
function runsOf(content, size, since) {
  const [runs, before] = [[], []];
  let at = 0;
  const upto = (end) => {
    if (at < since && since < end) upto(since);
    if (at < end) runs.push({ nodes: before.splice(0), first: at + 1, end: end + 1 });
    at = end;
  };
  linesOf(content).forEach((line, n) => {
    const found = /^(\d|[1-5]\d|6[0-3]) (0|[1-9]\d{0,19}) ([0-9a-f]{64})\n$/.exec(line.toString("latin1"));
    if (!found) broken("nodes", "nodes.txt", "the line is not LEVEL PLACE HASH", n + 1);
    const level = Number(found[1]);
    const [first, end] = [Number(found[2]) * 2 ** level, (Number(found[2]) + 1) * 2 ** level];
    if (first < at || end > size || (first < since && since < end)) broken("nodes", "nodes.txt", "the subtree is out of place", n + 1);
    upto(first);
    before.push({ level, end: (at = end), hash: Buffer.from(found[3], "hex") });
  });
  upto(size);
  if (before.length) runs.push({ nodes: before, first: size + 1, end: size + 1 });
  return runs;
}
function rootOf(lines, leaves, runs, since, scope, faults) {
  const frontier = new Frontier();
  let next = 0;
  const hold = () => {
    const isLost = frontier.size === since?.size && !frontier.root().equals(since.root) && !faults.some((one) => one.code === "root");
    if (isLost) faults.push(fault("root", "since", `the first ${since.size} positions have another root`));
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
      scope?.look(position, found.envelope);
    }
  }
  hold();
  return next === lines.length && next === leaves.length ? frontier.root() : null;
}
function eventOf(line) {
  const head = /^\{"position":([1-9]\d{0,15}),"envelope":/.exec(line.toString("latin1", 0, 48));
  const isWhole = head && isCount(Number(head[1])) && line.length - 2 >= head[0].length && line.at(-2) === 0x7d && line.at(-1) === 10;
  return isWhole ? { position: Number(head[1]), envelope: line.subarray(head[0].length, -2) } : null;
}

// Where events differ from what was exported
function located(lines, leaves, runs, inEvents) {
  const positions = runs.flatMap((run) => Array.from({ length: run.end - run.first }, (_, n) => run.first + n));
  const [order, faults, late, suspected] = [new Map(positions.map((position, n) => [position, n])), [], new Set(), new Set()];
  const tell = (code, detail, line, position) => faults.push(fault(code, "events.ndjson", detail, line, position));
  let due = 0;
  lines.forEach((line, n) => {
    const { position, envelope } = eventOf(line) ?? {};
    if (!position) return suspected.add(positions[due]), tell("malformed", "the line is not an event", n + 1, positions[due] ?? null);
    const place = order.get(position);
    if (place === undefined) return tell("added", "no event of this position was exported", n + 1, position);
    if (place < due && !late.delete(position)) return tell("duplicated", "the position is here a second time", n + 1, position);
    if (place < due) tell("moved", "the event comes after later ones", n + 1, position);
    else for (const skipped of positions.slice(due, place)) late.add(skipped);
    due = Math.max(due, place + 1);
    const isChanged = place < leaves.length && leaves[place].toString("latin1") !== `${leafHash(envelope).toString("hex")}\n`;
    if (isChanged) tell("changed", "the event's hash differs from its leaf", n + 1, position);
  });
  for (const one of [...late, ...positions.slice(due)]) suspected.has(one) || tell("missing", "the event is missing", null, one);
  if (inEvents) return faults;
  let changed = faults.filter((one) => one.code === "changed").map((one) => [order.get(one.position), one.position]);
  if (leaves.length !== positions.length) changed = [...changed, [Math.min(leaves.length, positions.length), null]].slice(0, 1);
  return changed.map(([place, one]) => fault("leaf", "leaves.txt", "the leaf differs from its event's hash", place + 1, one));
}

// Whether events are of what was asked for, and what a population's question comes to
const decimals = (text) => (text.split(".")[1] ?? "").length;
const units = (text) => BigInt(text.replace(".", "") + "0".repeat(6 - decimals(text)));
function written(total, scale) {
  const digits = String(total).replace("-", "").padStart(7, "0");
  return `${total < 0n ? "-" : ""}${digits.slice(0, -6)}${scale ? `.${digits.slice(-6).slice(0, scale)}` : ""}`;
}
const comparable = (moment) => `${moment.slice(0, 19)}.${moment.slice(20, -1).padEnd(9, "0")}`;
const isWithin = (at, { from, to }) => MOMENT.test(at) && !(from && comparable(at) < comparable(from)) && !(to && comparable(at) >= comparable(to));
function strayed({ case: asked, ...period }) {
  const [detail, faults] = [asked ? "it is not the next event of the case" : "it was not recorded in the period", []];
  let version = 0;
  const look = (position, envelope, due = (version += 1)) => {
    const [, stream, told, at] = HEAD.exec(envelope.toString("latin1", 0, 160)) ?? [];
    const isOf = asked ? stream === asked && told === String(due) && MOMENT.test(at) : isWithin(at, period);
    if (!isOf) faults.push(fault("question", "events.ndjson", detail, null, position));
  };
  return { look, faults };
}
const depth = (one) => (one && typeof one === "object" ? Object.values(one).reduce((most, inner) => Math.max(most, 1 + depth(inner)), 1) : 0);
function lineOf(envelope) {
  const line = JSON.parse(textOf(envelope));
  const { type, adjustment, kind, amount } = line.event;
  must([type, line.stream, adjustment ?? ""].every((one) => typeof one === "string") && isText(line.recorded_at, MOMENT) && depth(line) <= 100);
  const found = { type, named: JSON.stringify([line.stream, adjustment ?? ""]), at: line.recorded_at };
  if (typeof kind === "string") found.kind = kind;
  if (isText(amount?.amount, MONEY) && isText(amount.currency, CURRENCY)) found.money = amount;
  return found;
}
class Count {
  many = 0; sums = new Map(); faults = []; proposals = new Map();
  constructor(question, since) {
    Object.assign(this, { question, since, joins: question.type.startsWith("case.adjustment_") });
    this.marks = (this.joins ? [question.type, PROPOSED] : [question.type]).map((one) => `"${one}"`);
  }
  look(position, envelope) {
    if (!this.marks.some((mark) => envelope.includes(mark))) return;
    try { must(this.reads(position, lineOf(envelope))); } catch { this.faults.push(fault("answer", "events.ndjson", "its content or its proposal cannot be read", null, position)); }
  }
  reads(position, line) {
    const { type, kind: wanted, currency, over } = this.question;
    if (line.type === PROPOSED) this.proposals.set(line.named, line);
    if (line.type !== type || position <= this.since || !isWithin(line.at, this.question)) return true;
    const { kind, money } = { ...this.proposals.get(line.named), ...line };
    const isKnown = !(wanted !== undefined && kind === undefined) && !(this.joins && money === undefined);
    const isMoney = money ? [undefined, money.currency].includes(currency) && !(over && units(money.amount) <= units(over)) : over === undefined && currency === undefined;
    if (!isMoney || ![undefined, kind].includes(wanted)) return isKnown;
    const [total, scale] = this.sums.get(money?.currency) ?? [0n, 0];
    if (money) this.sums.set(money.currency, [total + units(money.amount), Math.max(scale, decimals(money.amount))]);
    return (this.many += 1) && isKnown;
  }
  get answer() { return { count: this.many, sums: Object.fromEntries([...this.sums].sort().map(([one, sum]) => [one, written(...sum)])) }; }
}
const asValues = ({ count, sums }) => JSON.stringify([count, Object.entries(sums).sort()]);
function faultsOfAnswer({ question, since, answer }, runs, count) {
  const isLeftOut = runs.some((run) => run.nodes.some((node) => node.end > since));
  if (!count) return isLeftOut && question.ask === "everything" ? [fault("question", "nodes.txt", "events are left out")] : [];
  const faults = isLeftOut ? [fault("answer", "nodes.txt", `events after position ${since} are left out`)] : [];
  return asValues(count.answer) === asValues(answer) ? faults : [...faults, fault("answer", "manifest.note", `the manifest states ${JSON.stringify(answer)}`)];
}

// The verdict
function verified(bundle, key, witness, told) {
  const manifest = manifestOf(read(bundle, "manifest.note"), key);
  const { question, size, since, events } = manifest;
  const faults = faultsOfFiles(bundle, manifest.files);
  const isChanged = (name) => faults.some((one) => one.code === "file_changed" && one.file === name);
  const signed = checkpointOf(bundle, "checkpoint", size, key);
  try { told.cosigned = witness && opened(read(bundle, "checkpoint"), witness, true); } catch { faults.push(fault("witness", "checkpoint", "the witness has not cosigned it")); }
  const before = since ? checkpointOf(bundle, "since", since, key) : null;
  const runs = runsOf(read(bundle, "nodes.txt"), size, since);
  const left = runs.reduce((sum, run) => sum + run.end - run.first, 0);
  if (left !== events) broken(...(isChanged("nodes.txt") ? ["nodes", "nodes.txt"] : ["manifest", "manifest.note"]), `the subtrees leave room for ${left} events, the manifest states ${events}`);
  const count = question.ask === "population" ? new Count(question, since) : null;
  const scope = question.ask === "everything" ? null : (count ?? strayed(question));
  const content = read(bundle, "events.ndjson");
  const [lines, leaves] = [content, read(bundle, "leaves.txt")].map(linesOf);
  const lost = fault("root", "checkpoint", "the events and subtrees do not have the root that was signed");
  Object.assign(told, { question, size });
  const root = rootOf(lines, leaves, runs, before, scope, faults);
  if (root === null) {
    const short = [fault("missing", "events.ndjson", `it is too short for ${events} events`)];
    const found = content.length < events ? short : located(lines, leaves, runs, isChanged("events.ndjson"));
    if (!found.length) found.push(lost);
    const isCoarse = (one) => one.code === "file_changed" && found.some((other) => other.file === one.file);
    return (told.faults = [...faults.filter((one) => !isCoarse(one)), ...found]);
  }
  if (!root.equals(signed.root)) faults.push(lost);
  faults.push(...(scope?.faults ?? []), ...faultsOfAnswer(manifest, runs, count));
  const proves = faults.length ? null : ASKS.get(question.ask)[1];
  Object.assign(told, { verified: !faults.length, faults, root: root.toString("hex"), events, answer: count?.answer ?? null, proves });
}
function main([bundle = "", given, cosigner]) {
  const told = { verified: false, faults: [], key: null, question: null, size: null, root: null, events: 0, answer: null, cosigned: null, proves: null };
  const known = (work, where, kind) => attempt(() => keyOf(work(), kind), "key", where, "the key cannot be used");
  try {
    const file = given === undefined ? read(bundle, "key") : null;
    const key = known(() => given ?? textOf(file), file ? "key" : "KEY");
    const witness = cosigner === undefined ? null : known(() => cosigner, "WITNESS", 4);
    told.key = key.text;
    verified(bundle, key, witness, told);
  } catch (error) {
    if (!error.fault) throw error;
    Object.assign(told, { faults: [error.fault], question: null, size: null, cosigned: null });
  }
  console.log(JSON.stringify({ ...told, faults: told.faults.slice(0, 100) }).replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
  return told.verified ? 0 : 1;
}
process.exitCode = main(process.argv.slice(2));
