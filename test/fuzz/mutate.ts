/** Breaks messages: bytes, tokens of text, numbers, nesting, encoding. */
import { Buffer } from "node:buffer";
import type { Random } from "./random.ts";

export interface MutationOptions {
  /** Other messages, to splice with. */
  readonly others: readonly Uint8Array[];
  /** Words of the format. */
  readonly words: readonly string[];
  /** Bytes of the result. */
  readonly maxBytes: number;
}

/** What JSON and YAML readers have stumbled over. */
const hostile: readonly string[] = [
  "null",
  "true",
  "{}",
  "[]",
  '""',
  "0",
  "-1",
  "-0",
  "1e999",
  "-1e999",
  "1e-999",
  "9007199254740993",
  "99999999999999999999999999",
  "0.1e1",
  "01",
  "NaN",
  "Infinity",
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"__proto__"',
  '"constructor"',
  '"\u2028\u2029"',
  '"\u0130\u017f"',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1,"valueOf":null,"length":-1}',
  '{"then":"{{ 1 }}"}',
  "[[[[[[]]]]]]",
  "0".repeat(400),
  `"${"a".repeat(2_000)}"`,
  "../../../../etc/passwd",
  "\r\n",
  "\0",
];
const members = ['"__proto__":{"polluted":1},', '"":null,', '"toJSON":1,', '"hasOwnProperty":0,'];
const brokenUtf8: readonly (readonly number[])[] = [
  [0xff],
  [0x80],
  [0xc0, 0x80],
  [0xc3],
  [0xe2, 0x82],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xef, 0xbb, 0xbf],
  [0xef, 0xbf, 0xbe],
];
const brackets = [
  ["[", "]"],
  ['{"a":', "}"],
  ["(", ")"],
  ["{{", "}}"],
  ["- ", ""],
  ["not ", ""],
  ["-", ""],
] as const;
const token = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|[^\s\w]/g;

/** One to six mutations of `message`, which stays as it is. */
export function mutate(message: Uint8Array, random: Random, options: MutationOptions): Uint8Array {
  let bytes: Buffer = Buffer.from(message);
  for (let left = 1 + random.below(6); left > 0; left--) {
    const changed = random.pick(mutations)(bytes, random, options);
    bytes = changed.length > options.maxBytes ? changed.subarray(0, options.maxBytes) : changed;
  }
  return bytes;
}

type Mutation = (bytes: Buffer, random: Random, options: MutationOptions) => Buffer;

const replaced = (bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

/** A part, more often a short one. */
function part(bytes: Buffer, random: Random): readonly [from: number, to: number] {
  const from = random.below(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + random.below(random.pick([4, 32, bytes.length])))];
}

/** Where a token stands that is not the first thousand's: of long texts only a window is looked at. */
function tokenIn(bytes: Buffer, random: Random): readonly [from: number, to: number] {
  const start = random.below(Math.max(0, bytes.length - 4_096));
  const text = bytes.toString("latin1", start, start + 4_096);
  const found = [...text.matchAll(token)];
  if (found.length === 0) return part(bytes, random);
  const { 0: word, index } = random.pick(found);
  return [start + index, start + index + word.length];
}

const snippet = (random: Random, words: readonly string[]) =>
  Buffer.from(random.pick(words.length > 0 && random.below(2) === 0 ? words : hostile));

/** Lines of a text that has some, and where each begins; `null` for what is none, or too long to be cut for one change. */
function linesOf(bytes: Buffer): string[] | null {
  if (bytes.length > 16 * 1024 || !bytes.includes(0x0a)) return null;
  return bytes.toString("latin1").split("\n");
}

/** Changes whole lines: what is left keeps its structure, so that more than the first reader sees it. */
const onLines =
  (change: (lines: string[], random: Random, others: readonly Uint8Array[]) => void): Mutation =>
  (bytes, random, { others }) => {
    const lines = linesOf(bytes);
    if (lines === null) return bytes;
    change(lines, random, others);
    return Buffer.from(lines.join("\n"), "latin1");
  };

const keyAndValue = /^(\s*(?:- )?[^\s:]+:)(.*)$/;

const mutations: readonly Mutation[] = [
  // Lines: gone, moved, indented otherwise, another message's, with the value or the key of another one.
  onLines((lines, random) => lines.splice(random.below(lines.length), 1 + random.below(3))),
  onLines((lines, random) => {
    const moved = lines.splice(random.below(lines.length), 1 + random.below(3));
    lines.splice(random.below(lines.length + 1), 0, ...moved);
  }),
  onLines((lines, random) => {
    const at = random.below(lines.length);
    const line = lines[at] ?? "";
    lines[at] =
      random.below(2) === 0 ? line.replace(/^ {1,2}/, "") : `${" ".repeat(1 + random.below(3))}${line}`;
  }),
  onLines((lines, random, others) => {
    const other = linesOf(Buffer.from(random.pick(others))) ?? [];
    const from = random.below(other.length);
    lines.splice(random.below(lines.length + 1), 0, ...other.slice(from, from + 1 + random.below(5)));
  }),
  onLines((lines, random, others) => {
    const from = random.below(2) === 0 ? lines : (linesOf(Buffer.from(random.pick(others))) ?? lines);
    const at = random.below(lines.length);
    const own = keyAndValue.exec(lines[at] ?? "");
    const other = keyAndValue.exec(random.pick(from));
    if (own === null || other === null) return;
    lines[at] = random.below(2) === 0 ? `${own[1]}${other[2]}` : `${other[1]}${own[2]}`;
  }),
  // A bit, a byte.
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    const at = random.below(bytes.length);
    if (at < changed.length) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
    return changed;
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    return replaced(bytes, at, at + 1, random.bytes(1 + random.below(4)));
  },
  // A part is gone, is there again, is there often.
  (bytes, random) => replaced(bytes, ...part(bytes, random), Buffer.alloc(0)),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => {
    const [from, to] = part(bytes, random);
    const at = random.below(bytes.length);
    return replaced(bytes, at, at, bytes.subarray(from, to));
  },
  (bytes, random, { maxBytes }) => {
    const [from, to] = part(bytes, random);
    const times = Math.min(random.pick([2, 10, 1_000]), Math.ceil(maxBytes / (to - from || 1)));
    return replaced(
      bytes,
      from,
      from,
      Buffer.concat(Array.from({ length: times }, () => bytes.subarray(from, to))),
    );
  },
  // Another message's end on this one's beginning, or a part of it within.
  (bytes, random, { others }) => {
    const other = Buffer.from(random.pick(others));
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]);
  },
  (bytes, random, { others }) => {
    const other = Buffer.from(random.pick(others));
    return replaced(bytes, ...tokenIn(bytes, random), other.subarray(...tokenIn(other, random)));
  },
  // Words.
  (bytes, random, { words }) => replaced(bytes, ...tokenIn(bytes, random), snippet(random, words)),
  (bytes, random, { words }) => replaced(bytes, ...tokenIn(bytes, random), snippet(random, words)),
  (bytes, random, { words }) => {
    const [at] = tokenIn(bytes, random);
    return replaced(bytes, at, at, snippet(random, words));
  },
  // Members of an object: one that should not be there, one that is there twice.
  (bytes, random) => {
    const at = bytes.indexOf("{", random.below(bytes.length)) + 1;
    return at === 0 ? bytes : replaced(bytes, at, at, Buffer.from(random.pick(members)));
  },
  (bytes, random) => {
    const from = bytes.indexOf('"', random.below(bytes.length));
    const to = from < 0 ? -1 : bytes.indexOf(",", from) + 1;
    return to <= 0 ? bytes : replaced(bytes, to, to, bytes.subarray(from, to));
  },
  // Numbers that are too large.
  (bytes, random) => {
    const [from, to] = tokenIn(bytes, random);
    return replaced(
      bytes,
      from,
      to,
      Buffer.from(random.pick(["4294967296", "1e308", "9".repeat(random.pick([16, 40, 400]))])),
    );
  },
  // Nesting.
  (bytes, random, { maxBytes }) => {
    // What a reader of JSON takes for a value, it goes into.
    const isJson = bytes.includes('{"') && random.below(2) === 0;
    const [open, close] = random.pick(isJson ? brackets.slice(0, 2) : brackets);
    const depth = Math.min(random.pick([10, 110, 1_000, 20_000]), Math.floor(maxBytes / 8));
    const [from, to] = tokenIn(bytes, random);
    const isClosed = random.below(4) > 0;
    const by = `${open.repeat(depth)}${bytes.toString("latin1", from, to)}${isClosed ? close.repeat(depth) : ""}`;
    return replaced(bytes, from, to, Buffer.from(by, "latin1"));
  },
  // Encoding.
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return replaced(bytes, at, at, Uint8Array.from(random.pick(brokenUtf8)));
  },
  // Length.
  (bytes, random, { maxBytes }) => {
    const [at] = tokenIn(bytes, random);
    const length = Math.min(random.pick([100, 600, 10_000, 140_000]), maxBytes);
    return replaced(bytes, at, at, Buffer.alloc(length, random.pick(["a", " ", "\n", "0", "\\", "é"])));
  },
];
