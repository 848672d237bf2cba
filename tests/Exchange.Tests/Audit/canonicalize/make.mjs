// Random values of the kinds a record may hold, and what npm canonicalize makes of them. Usage: node make.mjs > vectors.json, beside an installed npm canonicalize 4.0.0
import canonicalize from 'canonicalize';
let seed = 20261122;
const next = (n) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 4294967296 * n); };
const pools = [[0x20, 0x7e], [0x00, 0x1f], [0x7f, 0xa0], [0x4e00, 0x9fff], [0x2020, 0x2030], [0xe000, 0xe010], [0x1f600, 0x1f640], [0x20000, 0x20020], [0xfff0, 0xfffd], [0x300, 0x36f]];
const text = () => Array.from({ length: next(12) }, () => { const [a, b] = pools[next(pools.length)]; return String.fromCodePoint(a + next(b - a + 1)); }).join('');
const key = () => Array.from({ length: next(6) }, () => String.fromCharCode(0x20 + next(0x5f))).join('');
const number = () => [0, 1, -1, next(1000), -next(100000), Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, next(4294967296) * 2097152 + next(2097152)][next(8)];
const value = (depth) => {
  const kind = next(depth > 3 ? 3 : 5);
  if (kind === 0) return text();
  if (kind === 1) return number();
  if (kind === 2) return next(2) === 0;
  if (kind === 3) return Array.from({ length: next(5) }, () => value(depth + 1));
  return Object.fromEntries(Array.from({ length: next(7) }, () => [key(), value(depth + 1)]));
};
const cases = Array.from({ length: 120 }, () => { const v = Object.fromEntries(Array.from({ length: 1 + next(8) }, () => [key(), value(1)])); return [JSON.stringify(v), canonicalize(v)]; });
process.stdout.write('[\n' + cases.map(([a, b]) => JSON.stringify([a, b])).join(',\n') + '\n]\n');
