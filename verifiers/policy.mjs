// Trust policies (c2sp.org/tlog-policy).
import { LOG, WITNESS, keyOf, must, textOf } from "./notes.mjs";
const WORDS = "a line must be `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME all|any|NUMBER NAME…` or `quorum NAME`";
export class PolicyBroken extends Error {
  constructor(detail, line = null) { super(line === null ? detail : `line ${line}: ${detail}`), (this.line = line); }
}
function keyFrom(told, kinds, known) {
  const key = keyOf(textOf(Buffer.from(told, "latin1")), kinds);
  must(!known.some((one) => one.key.material.subarray(1).equals(key.material.subarray(1))), "an earlier line has this public key");
  return key;
}
function leastOf(told, count) {
  if (told === "any" || told === "all") return told === "any" ? 1 : count;
  must(/^[1-9]\d{0,8}$/.test(told) && Number(told) <= count, "the number of members is not any, all, or one from 1 to that of the members");
  return Number(told);
}
export function policyOf(content) {
  const [logs, witnesses, groups, members] = [[], [], new Map(), new Set()];
  let quorum;
  const isDefined = (name) => groups.has(name) || witnesses.some((one) => one.name === name);
  const mustBeNew = (name) => must(name !== "none" && !isDefined(name), "the name is `none` or defined already");
  function read(word, ...rest) {
    const [first, second, ...more] = rest;
    if (word === "log" && [1, 2].includes(rest.length)) logs.push({ key: keyFrom(first, LOG, logs) });
    else if (word === "witness" && [2, 3].includes(rest.length)) {
      mustBeNew(first);
      witnesses.push({ name: first, key: keyFrom(second, WITNESS, witnesses) });
    } else if (word === "group" && more.length) {
      mustBeNew(first);
      const least = leastOf(second, more.length);
      for (const name of more) {
        must(isDefined(name) && !members.has(name), "a member is not defined above, or is in a group already");
        members.add(name);
      }
      groups.set(first, { least, members: more });
    } else if (word === "quorum" && rest.length === 1) {
      must(quorum === undefined, "there is a quorum line already");
      must(first === "none" || isDefined(first), "no line above defines the name");
      quorum = first;
    } else must(false, WORDS);
  }
  const lines = content.toString("latin1").split("\n");
  if (lines.pop() !== "") throw new PolicyBroken("the last line must end with a newline", lines.length + 1);
  lines.forEach((line, n) => {
    if (!/^[\x09\x20-\x7e\x80-\xff]*$/.test(line)) throw new PolicyBroken("control characters other than tab are not allowed", n + 1);
    const text = line.replace(/^[ \t]+|[ \t]+$/g, "");
    if (text === "" || text.startsWith("#")) return;
    try { read(...text.split(/[ \t]+/)); } catch (error) { throw new PolicyBroken(error.message, n + 1); }
  });
  if (quorum === undefined) throw new PolicyBroken("there is no quorum line: write `quorum NAME` or `quorum none`");
  return { logs, witnesses, quorum, isQuorum: (cosigned) => reached(quorum, groups, cosigned) };
}
function reached(quorum, groups, cosigned) {
  const found = new Set(cosigned);
  for (const [name, { least, members }] of groups) if (members.filter((one) => found.has(one)).length >= least) found.add(name);
  return quorum === "none" || found.has(quorum);
}
export const noWitness = (logs) => ({ logs, witnesses: [], quorum: "none", isQuorum: () => true });
