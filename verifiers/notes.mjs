// Keys, signed notes, checkpoints and cosignatures (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).
import { createHash, createPublicKey, verify as holds } from "node:crypto";
const SPKI = { 1: "302a300506032b6570032100", 4: "302a300506032b6570032100", 6: "30820532300b06096086480165030403110382052100" };
const BYTES = { 1: 33, 4: 33, 6: 1313 };
const KEY = /^([^+\0-\x20\p{White_Space}\p{Cs}]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/u;
const SIGNATURE = /^\u2014 ([^+\0-\x20\p{White_Space}\p{Cs}]+) ([A-Za-z0-9+/=]+)$/u;
const LATEST = 253402300799n; // the end of the year 9999
export const [LOG, WITNESS] = [[1], [4, 6]]; // the kinds of their keys
export const MAX_COUNT = Number.MAX_SAFE_INTEGER;
export function must(isSo, why = "it is not so") { if (!isSo) throw new Error(why); }
export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
export const leafHash = (envelope) => sha256(Buffer.from([0]), envelope);
export const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
export function linesOf(content) {
  const lines = [];
  for (let at = 0, end = 0; at < content.length; at = end) {
    end = content.indexOf(10, at) + 1 || content.length;
    lines.push(content.subarray(at, end));
  }
  return lines;
}
export function base64(text, least = 1) {
  const found = Buffer.from(text, "base64");
  return must(found.length >= least && found.toString("base64") === text), found; // its one canonical spelling
}
// The public key as Node uses it; null if this version has no such algorithm.
function publicKey(kind, material) {
  try {
    return createPublicKey({ key: Buffer.concat([Buffer.from(SPKI[kind], "hex"), material.subarray(1)]), format: "der", type: "spki" });
  } catch (error) {
    if (kind === 6) return null;
    throw error;
  }
}
export function keyOf(told, kinds = LOG) {
  const [, name, id, encoded] = KEY.exec(told);
  const material = base64(encoded);
  const kind = material[0];
  must(kinds.includes(kind) && material.length === BYTES[kind] && sha256(`${name}\n`, material).toString("hex", 0, 4) === id);
  return { name, id, kind, material, text: `${name}+${id}+${encoded}`, public: publicKey(kind, material) };
}
// The text of a note, and the signatures of its lines.
export function split(note) {
  const whole = textOf(note);
  const gap = whole.lastIndexOf("\n\n");
  must(gap >= 0 && whole.endsWith("\n") && !/[\0-\x09\x0b-\x1f]/.test(whole));
  const lines = whole.slice(gap + 2, -1).split("\n").map((line) => SIGNATURE.exec(line));
  return { text: whole.slice(0, gap + 1), signatures: lines.map(([, name, told]) => ({ name, told: base64(told, 5) })) };
}
export const lineOf = ({ signatures }, key) => signatures.find((one) => one.name === key.name && one.told.toString("hex", 0, 4) === key.id);
// The text that a key of a log has signed.
export function opened(note, key) {
  const found = split(note);
  const { told } = lineOf(found, key);
  must(holds(null, Buffer.from(found.text), key.public, told.subarray(4)));
  return found.text;
}
export function checkpointIn(text) {
  const [origin, told, root, ...rest] = text.split("\n");
  must(origin && rest.length && /^(0|[1-9]\d{0,18})$/.test(told) && base64(root).length === 32);
  return { origin, size: BigInt(told), root: base64(root) };
}
const number = (value) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64BE(value); return bytes; };
function named(name) {
  const bytes = Buffer.from(name);
  return must(bytes.length <= 255), Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
function cosignedMessage(key, text, at) {
  if (key.kind === 4) return Buffer.from(`cosignature/v1\ntime ${at}\n${text}`);
  const { origin, size, root } = checkpointIn(text);
  return Buffer.concat([Buffer.from("subtree/v1\n\0"), named(key.name), number(at), named(origin), number(0n), number(size), root]);
}
export class NotChecked extends Error {}
// When the witness has cosigned the note. Throws NotChecked for a line whose algorithm Node does not have.
export function cosignedAt(note, key) {
  const found = split(note);
  const { told } = lineOf(found, key);
  if (key.public === null) throw new NotChecked(`not checked: ML-DSA-44, of ${key.name}`);
  const at = told.readBigUInt64BE(4);
  must(at <= LATEST && holds(null, cosignedMessage(key, found.text, at), key.public, told.subarray(12)));
  return Number(at);
}
// The witnesses of a policy that have cosigned the note, and what is wrong with their lines.
export function cosignaturesOf(note, policy, file, fault) {
  const [cosigned, unchecked, faults, found, names] = [[], [], [], split(note), []];
  for (const { name, key } of policy.witnesses) {
    if (!lineOf(found, key)) continue;
    try {
      cosigned.push({ witness: shown(name), at: cosignedAt(note, key) });
      names.push(name);
    } catch (error) {
      if (error instanceof NotChecked) unchecked.push(shown(name));
      else faults.push(fault("witness", file, `the cosignature of ${shown(name)} is not valid`));
    }
  }
  if (!policy.isQuorum(names)) {
    const without = unchecked.length ? `; not checked: ML-DSA-44, of ${unchecked.join(", ")}` : "";
    faults.push(fault("quorum", file, `the quorum ${shown(policy.quorum)} is not reached${without}`));
  }
  return { cosigned, unchecked, faults };
}
// What a verdict amounts to: a missing cosignature is no sign of a forgery.
export const outcomeOf = ({ faults }) => !faults.length ? "verified" : faults.every(({ code }) => code === "quorum") ? "not_cosigned" : "broken";
export const shown = (name) => Buffer.from(name, "latin1").toString(); // policies are read as bytes
