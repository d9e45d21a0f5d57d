// Losses of the last events that people have accepted, as checkpoints name them: docs/bundle.md, "Losses".
import { base64, textOf } from "./notes.mjs";
const LINE = /^lost (0|[1-9]\d{0,15}) (0|[1-9]\d{0,15}) ([^ ]+) (0|[1-9]\d{0,15}) ([A-Za-z0-9+/=]{44})$/;
const LEAF = /^[0-9a-f]{64}$/;
const withoutNumber = (name) => name.replace(/\/([2-9]|[1-9][0-9]{1,3})$/, "");
// Whether both name one log before and after a loss: they share a private key, and neither may pass for the other.
export const isOtherOrigin = (origin, name) => origin !== name && withoutNumber(origin) === withoutNumber(name);
const rootIn = (text) => { try { return base64(text, 32); } catch { return Buffer.alloc(0); } };
export function lossesIn(lines) {
  return lines.flatMap((line) => {
    const [whole, first, last, origin, size, told] = LINE.exec(line) ?? [];
    const root = whole ? rootIn(told) : Buffer.alloc(0);
    return root.length === 32 ? [{ first: Number(first), last: Number(last), origin, size: Number(size), root: root.toString("hex") }] : [];
  });
}
// What a bundle has about the losses: the event of each, and the tree before it.
export class Losses {
  found = new Map(); trees = new Map();
  constructor(stated, runs, fault) {
    const inside = stated.filter(({ first }) => runs.some((run) => run.first <= first && first < run.end));
    Object.assign(this, { fault, expected: new Map(inside.map((one) => [one.first, one])) });
  }
  note(tree) { if (this.expected.has(tree.size + 1) && !this.trees.has(tree.size)) this.trees.set(tree.size, tree.copy()); }
  look(position, envelope) {
    if (!envelope.includes('"log.loss_accepted"')) return;
    try {
      const { event } = JSON.parse(textOf(envelope));
      if (event.type === "log.loss_accepted") this.found.set(position, event);
    } catch { this.found.set(position, null); }
  }
  get faults() {
    const more = [...this.found.keys()].filter((one) => !this.expected.has(one)).sort((a, b) => a - b);
    const unnamed = more.map((one) => this.fault("loss", "events.ndjson", "it accepts a loss that the checkpoint does not name", null, one));
    return [...unnamed, ...[...this.expected].sort(([a], [b]) => a - b).flatMap(([position, loss]) => {
      if (!this.found.has(position)) return [this.fault("loss", "checkpoint", `no event at position ${position} accepts the loss that it names`)];
      const wrong = this.difference(loss, this.found.get(position));
      return wrong ? [this.fault("loss", "events.ndjson", wrong, null, position)] : [];
    })];
  }
  difference({ first, last, origin, size, root }, event) {
    try {
      const [tree, { kept, before, signed }] = [this.trees.get(first - 1), event];
      const isSame = kept === first - 1 && event.last === last && before === origin && signed === size && event.signed_root === root;
      if (!isSame) return "the accepted loss is not the one that the checkpoint names";
      if (event.kept_root !== tree.root().toString("hex")) return "the positions that were left do not have the root that the accepted loss names";
      const known = new Map((event.missing ?? []).map(({ position, leaf }) => [position, LEAF.test(leaf) ? leaf : null]));
      let at = first;
      for (; at <= size && known.get(at); at++) tree.push(0, Buffer.from(known.get(at), "hex"));
      const isOther = at === size + 1 && tree.root().toString("hex") !== root;
      return isOther ? "the lost leaves do not have the root that was signed before the loss" : null;
    } catch { return "the accepted loss cannot be read"; }
  }
}
