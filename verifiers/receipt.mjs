// Verifies a receipt (c2sp.org/tlog-proof) whose extra data is the event's envelope.
import { readFileSync } from "node:fs";
import { MAX_COUNT, base64, checkpointIn, cosignaturesOf, leafHash, lineOf, must, opened, split } from "./notes.mjs";
import { isIncluded } from "./tree.mjs";
const [FIRST, MOST_HASHES, LARGEST_BYTES] = ["c2sp.org/tlog-proof@v1", 63, 16 << 20];
const PROVES = "this envelope is the event at this position of the signed log";
const fault = (code, file, detail, line = null) => ({ code, file, detail, line, position: null });
class Broken extends Error {
  constructor(code, detail, line = null, file = "receipt") { super(detail), (this.fault = fault(code, file, detail, line)); }
}
function decoded(text, line) {
  try { return base64(text); } catch { throw new Broken("receipt", "the line contains invalid base64", line); }
}
function parsed(content) {
  if (content.length > LARGEST_BYTES) throw new Broken("receipt", `it has more than ${LARGEST_BYTES} bytes`);
  const gap = content.indexOf("\n\n");
  const [first, ...lines] = content.toString("latin1", 0, gap < 0 ? content.length : gap).split("\n");
  if (first !== FIRST) throw new Broken("receipt", `it must begin with ${FIRST}`, 1);
  let [number, extra] = [2, null];
  if (lines[0]?.startsWith("extra ")) extra = decoded(lines.shift().slice(6), number++);
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "")?.[1];
  if (index === undefined || BigInt(index) >= BigInt(MAX_COUNT)) throw new Broken("receipt", "the line must be `index` and a number", number);
  if (lines.length > MOST_HASHES) throw new Broken("receipt", `a proof has at most ${MOST_HASHES} hashes`, number + 1);
  const hashes = lines.map((line, n) => decoded(line, number + n + 1));
  const short = hashes.findIndex((hash) => hash.length !== 32);
  if (short >= 0) throw new Broken("receipt", "a hash has 32 bytes", number + short + 1);
  if (gap < 0) throw new Broken("receipt", "an empty line and a checkpoint must follow");
  return { index: Number(index), hashes, note: content.subarray(gap + 2), extra };
}
// The checkpoint, and the first log of the policy that has signed it.
function openedBy(note, { logs }) {
  try {
    const found = split(note);
    must(/^(?:[^\n]+\n){3,}$/.test(found.text));
    const checkpoint = checkpointIn(found.text);
    must(checkpoint.size <= BigInt(MAX_COUNT));
    const keys = logs.map(({ key }) => key).filter((key) => key.name === checkpoint.origin && lineOf(found, key));
    for (const key of keys) opened(note, key);
    must(keys.length);
    return [keys[0], Number(checkpoint.size), checkpoint.root];
  } catch { throw new Broken("checkpoint", "the checkpoint cannot be verified, or no known key of its log has signed it"); }
}
export const emptyReceipt = () => ({ verified: false, faults: [], key: null, position: null, size: null, root: null, leaf: null, cosigned: [], unchecked: [], proves: null });
export function verifyReceipt(file, policy, envelopeFile) {
  const told = emptyReceipt();
  try {
    const receipt = parsed(readFileSync(file));
    const envelope = envelopeFile === undefined ? receipt.extra : readFileSync(envelopeFile);
    if (envelope === null) throw new Broken("envelope", "the receipt has no envelope: give it as a file", null, "envelope");
    const [key, size, root] = openedBy(receipt.note, policy);
    const faults = receipt.extra === null || receipt.extra.equals(envelope) ? [] : [fault("envelope", "envelope", "the file is not the envelope of the receipt")];
    const found = cosignaturesOf(receipt.note, policy, "receipt", fault);
    faults.push(...found.faults);
    const leaf = leafHash(envelope);
    if (!isIncluded(receipt.index, size, leaf, receipt.hashes, root)) faults.push(fault("inclusion", "receipt", "the proof does not lead from the envelope to the signed root"));
    const proves = policy.quorum === "none" ? PROVES : `${PROVES}, and the quorum of witnesses has cosigned it`;
    const { cosigned, unchecked } = found;
    return Object.assign(told, { verified: !faults.length, faults, key: key.text, position: receipt.index + 1, size, root: root.toString("hex"), leaf: leaf.toString("hex"), cosigned, unchecked, proves: faults.length ? null : proves });
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return Object.assign(told, { faults: [error.fault] });
  }
}
