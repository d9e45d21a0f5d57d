// The Merkle tree (RFC 9162).
import { sha256 } from "./notes.mjs";
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right);
// Its full subtrees so far.
export class Frontier {
  size = 0; peaks = [];
  copy() { return Object.assign(new Frontier(), { size: this.size, peaks: [...this.peaks] }); }
  push(level, hash) {
    this.size += 2 ** level;
    for (; this.peaks.at(-1)?.level === level; level += 1) hash = nodeHash(this.peaks.pop().hash, hash);
    this.peaks.push({ level, hash });
  }
  root() { return !this.size ? sha256() : this.peaks.map((peak) => peak.hash).reduceRight((right, left) => nodeHash(left, right)); }
}
// Whether the leaf is number `index` of the tree with this size and root.
export function isIncluded(index, size, leaf, hashes, root) {
  if (index >= size) return false;
  const half = (one) => Math.floor(one / 2);
  let [place, last, found] = [index, size - 1, leaf];
  for (const sibling of hashes) {
    if (last === 0) return false;
    if (place % 2 || place === last) {
      found = nodeHash(sibling, found);
      while (place % 2 === 0 && place) [place, last] = [half(place), half(last)];
    } else found = nodeHash(found, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && found.equals(root);
}
