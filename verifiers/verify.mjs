// Verifies a bundle or a receipt of casetrail. Written from docs/bundle.md and docs/receipts.md, with nothing but
// Node. Prints the verdict as JSON and ends with 0 if it is verified, else with 1.
//   node verify.mjs BUNDLE [KEY [WITNESS]] [--policy FILE]
//   node verify.mjs receipt FILE [KEY] [--policy FILE] [--envelope FILE]
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Losses, isOtherOrigin, lossesIn } from "./losses.mjs";
import { NotChecked, WITNESS, base64, cosignaturesOf, cosignedAt, keyOf, leafHash, linesOf, must, opened, outcomeOf, sha256, textOf } from "./notes.mjs";
import { PolicyBroken, noWitness, policyOf } from "./policy.mjs";
import { emptyReceipt, verifyReceipt } from "./receipt.mjs";
import { Frontier } from "./tree.mjs";
import { USAGE } from "./usage.mjs";
const [FILES, PROPOSED] = [["checkpoint", "events.ndjson", "key", "leaves.txt", "nodes.txt"], "case.adjustment_proposed"];
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
function attempt(work, ...otherwise) { try { return work(); } catch { return broken(...otherwise); } }
function read(bundle, name) {
  try {
    if (lstatSync(join(bundle, name)).isFile()) return readFileSync(join(bundle, name));
  } catch ({ code }) {
    if (code !== "ENOENT" && code !== "ENOTDIR") broken("file_unreadable", name, "the file cannot be read");
  }
  return broken("file_missing", name, "no such plain file exists");
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
    must(!isOtherOrigin(origin, key.name));
    return { size, root: base64(base), losses: lossesIn(rest) };
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
function rootOf(lines, leaves, runs, since, losses, scope, faults) {
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
      losses.note(frontier);
      frontier.push(0, leaf);
      losses.look(position, found.envelope);
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
function cosignedBy(witness, bundle, told, faults) {
  if (!witness) return null;
  try {
    return cosignedAt(read(bundle, "checkpoint"), witness);
  } catch (error) {
    const isUnchecked = error instanceof NotChecked;
    if (isUnchecked) told.unchecked = [witness.name];
    return faults.push(fault("witness", "checkpoint", isUnchecked ? error.message : "the witness has not cosigned it")), null;
  }
}
function verified(bundle, note, key, witness, policy, told) {
  const manifest = manifestOf(note, key);
  const { question, size, since, events } = manifest;
  const faults = faultsOfFiles(bundle, manifest.files);
  const isChanged = (name) => faults.some((one) => one.code === "file_changed" && one.file === name);
  const signed = checkpointOf(bundle, "checkpoint", size, key);
  told.cosigned = cosignedBy(witness, bundle, told, faults);
  if (policy) {
    const found = cosignaturesOf(read(bundle, "checkpoint"), policy, "checkpoint", fault);
    faults.push(...found.faults);
    Object.assign(told, { witnesses: found.cosigned, unchecked: [...told.unchecked, ...found.unchecked] });
  }
  const before = since ? checkpointOf(bundle, "since", since, key) : null;
  const runs = runsOf(read(bundle, "nodes.txt"), size, since);
  const left = runs.reduce((sum, run) => sum + run.end - run.first, 0);
  if (left !== events) broken(...(isChanged("nodes.txt") ? ["nodes", "nodes.txt"] : ["manifest", "manifest.note"]), `the subtrees leave room for ${left} events, the manifest states ${events}`);
  const count = question.ask === "population" ? new Count(question, since) : null;
  const scope = question.ask === "everything" ? null : (count ?? strayed(question));
  const content = read(bundle, "events.ndjson");
  const [lines, leaves] = [content, read(bundle, "leaves.txt")].map(linesOf);
  const lost = fault("root", "checkpoint", "the events and subtrees do not have the root that was signed");
  const losses = new Losses(signed.losses, runs, fault);
  Object.assign(told, { question, size, losses: signed.losses });
  const root = rootOf(lines, leaves, runs, before, losses, scope, faults);
  if (root === null) {
    const short = [fault("missing", "events.ndjson", `it is too short for ${events} events`)];
    const found = content.length < events ? short : located(lines, leaves, runs, isChanged("events.ndjson"));
    if (!found.length) found.push(lost);
    const isCoarse = (one) => one.code === "file_changed" && found.some((other) => other.file === one.file);
    return (told.faults = [...faults.filter((one) => !isCoarse(one)), ...found]);
  }
  if (!root.equals(signed.root)) faults.push(lost);
  faults.push(...(scope?.faults ?? []), ...losses.faults, ...faultsOfAnswer(manifest, runs, count));
  const proves = faults.length ? null : ASKS.get(question.ask)[1];
  Object.assign(told, { verified: !faults.length, faults, root: root.toString("hex"), events, answer: count?.answer ?? null, proves });
}
function hasSigned(key, note) {
  try { return opened(note, key), true; } catch { return false; }
}
const emptyBundle = () => ({ verified: false, faults: [], key: null, question: null, size: null, root: null, events: 0, answer: null, cosigned: null, proves: null, witnesses: null, unchecked: [], losses: [] });
function usableKey(work, where, kinds) { return attempt(() => keyOf(work(), kinds), "key", where, "the key cannot be used"); }
function verifyBundle(told, [bundle = "", given, cosigner], policy) {
  const logs = policy?.logs.map(({ key }) => key) ?? [];
  const own = given === undefined && !logs.length ? textOf.bind(null, read(bundle, "key")) : null;
  const first = own ? [usableKey(own, "key")] : given === undefined ? [] : [usableKey(() => given, logs.length ? "KEY 1" : "KEY")];
  const known = [...first, ...logs];
  const witness = cosigner === undefined ? null : usableKey(() => cosigner, "WITNESS", WITNESS);
  told.key = known[0].text;
  const note = read(bundle, "manifest.note");
  const key = known.find((one) => hasSigned(one, note)) ?? known[0];
  told.key = key.text;
  verified(bundle, note, key, witness, policy, told);
}
function receiptOf([file, given], policy, envelope) {
  const logs = given === undefined ? [] : [{ key: usableKey(() => given, "KEY") }];
  return verifyReceipt(file, policy ? { ...policy, logs: [...logs, ...policy.logs] } : noWitness(logs), envelope);
}
function option(words, name) {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
}
function main(words) {
  if (!words.length || words.includes("--help") || words.includes("-h")) return console.log(USAGE), words.length ? 0 : 2;
  words.splice(words[0] === "receipt" ? 2 : 1, 0, ...(words.includes("--key") ? [option(words, "--key")] : []));
  const isReceipt = words[0] === "receipt" && words.length > 1;
  const [file, envelope] = [option(words, "--policy"), isReceipt ? option(words, "--envelope") : undefined];
  let told = isReceipt ? emptyReceipt() : emptyBundle();
  try {
    const policy = file === undefined ? null : policyOf(readFileSync(file));
    isReceipt ? (told = receiptOf(words.slice(1), policy, envelope)) : verifyBundle(told, words, policy);
  } catch (error) {
    const found = error instanceof PolicyBroken ? fault("policy", "POLICY", error.message, error.line) : error.fault;
    if (!found) throw error;
    Object.assign(told, isReceipt ? {} : { question: null, size: null, cosigned: null, witnesses: null, unchecked: [], losses: [] }, { faults: [found] });
  }
  console.log(JSON.stringify({ ...told, faults: told.faults.slice(0, 100), outcome: outcomeOf(told) }).replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
  return told.verified ? 0 : 1;
}
process.exitCode = main(process.argv.slice(2));
