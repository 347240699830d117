/** Verifies the audit's chain against the records, a bounded piece in each call, while the hub goes on. */
import { PetrelError } from "../../shared/errors.ts";
import { ulidTime } from "../../shared/ids.ts";
import type { AuditHead, AuditPage, NotedHead } from "../audit/audit.ts";
import {
  type AuditProblem,
  beforeFirst,
  type ChainItem,
  checkRows,
  type Expected,
  type RecordKind,
} from "../audit/chain.ts";
import { parseRow } from "../audit/row-text.ts";
import { createTraceStore } from "./audit-trace-store.ts";
import { auditedPrefixes, kindOfKey, rootOfRecord } from "./chain-items.ts";
import { ChainReader, type Claimed, claimsOf, type ItemState, someRows } from "./chain-reader-store.ts";
import { headOfRow, readChainHead } from "./chain-stamp.ts";
import { ChainStories } from "./chain-story-store.ts";
import { placeTime, within } from "./keys.ts";
import type { AuditStore } from "./port/audit.ts";
import type { RecordWriter, Rows } from "./records.ts";

/** Of one piece: some tenths of a second of work between which the hub does its own. */
const rowsAtOnce = 64;
const recordsAtOnce = 500;
const mostProblems = 100;

/** Where the next piece goes on. */
type Cursor =
  | { readonly part: "chain"; readonly next: Expected; readonly until: number }
  | {
      readonly part: "records";
      readonly after: string;
      readonly until: number;
      /** Records older than the chain that were found before. */
      readonly unchained: number;
    };

interface Found {
  readonly rows: number;
  readonly records: number;
  readonly unchained: number;
  readonly problems: readonly AuditProblem[];
  readonly seq: number;
}

export function createAuditStore({
  level,
  writer,
}: {
  readonly level: Rows;
  readonly writer: Pick<RecordWriter, "read">;
}): AuditStore {
  // The pieces of a verification go on reading where the one before has ended.
  let stories = new ChainStories(level);

  const auditHead = async (): Promise<AuditHead> => {
    const reader = new ChainReader(level);
    const head = await readChainHead(level);
    const [first] = await reader.from(0, 1);
    if (head === null || first === undefined)
      return { seq: 0, hash: beforeFirst, at: "", first: 1, began: "" };
    return { ...head, first: first.seq, began: (await reader.beginning())?.began ?? "" };
  };

  const begin = async (): Promise<Cursor> => {
    const head = await readChainHead(level);
    return { part: "chain", next: { seq: 1, prev: beforeFirst }, until: head?.seq ?? 0 };
  };

  const checkChain = async ({ next, until }: Cursor & { part: "chain" }) => {
    const reader = new ChainReader(level, stories);
    const given = (await reader.from(next.seq, rowsAtOnce)).filter(({ seq }) => seq <= until);
    const first = given[0];
    // Retention drops rows from the front, also between two pieces, and says so in the chain itself.
    let start = next;
    const cut: AuditProblem[] = [];
    if ((first === undefined || first.seq > next.seq) && next.seq <= until) {
      const dropped = await reader.dropped();
      const last = first === undefined ? until : first.seq - 1;
      if (dropped !== null && dropped.seq >= next.seq && dropped.seq <= last) {
        start = { seq: dropped.seq + 1, prev: dropped.hash };
      } else if (next.seq === 1 && first !== undefined) {
        cut.push(problem("rows-cut", first.seq, "row", "1", `rows 1 to ${last} are missing`));
        start = { seq: first.seq, prev: parseRow(first.text)?.prev ?? "" };
      }
    }
    const checked = checkRows(start, given);
    const missing = first === undefined && start.seq <= until ? [endMissing(start.seq, until)] : [];
    const claims = claimsOf(checked.rows);
    const problems = [...cut, ...checked.problems, ...missing, ...(await changedOf(reader, claims))];
    const found = {
      rows: given.length,
      records: claims.length,
      unchained: 0,
      problems,
      seq: checked.next.seq - 1,
    };
    const isOver = first === undefined || found.seq >= until;
    const after: Cursor = isOver
      ? { part: "records", after: "", until, unchained: 0 }
      : { part: "chain", next: checked.next, until };
    return { found, after };
  };

  /** Records that are no longer what their newest row says. */
  const changedOf = async (reader: ChainReader, claims: readonly Claimed[]): Promise<AuditProblem[]> => {
    const last = new Map(claims.map((claim) => [claim.key, claim]));
    const open = claims.filter((claim) => last.get(claim.key) === claim);
    const texts = await reader.texts(open.map(({ key }) => key));
    const states = await reader.statesOf(open, texts);
    const problems: AuditProblem[] = [];
    for (const [index, claim] of open.entries()) {
      const state = states[index] ?? "kept";
      if (state !== "kept" && state !== "replaced") problems.push(changedRecord(claim, state));
    }
    return problems;
  };

  const checkRecords = async ({ after, until, unchained: before }: Cursor & { part: "records" }) => {
    const prefix = auditedPrefixes.find((each) => after < within(each).lt) ?? "";
    const reader = new ChainReader(level);
    const { began = "", older } = (await reader.beginning()) ?? {};
    const range = { gt: after > prefix ? after : prefix, lt: within(prefix).lt };
    const rows = await someRows(level, range, recordsAtOnce);
    const problems: AuditProblem[] = [];
    let unchained = 0;
    for (const [key, text] of rows) {
      const kind = kindOfKey(key);
      if (kind === null) continue;
      const known = rootOfText(kind, text);
      if (known !== null && (await reader.isTold(known.root, key))) continue;
      // Removed since it was read, with all rows that spoke of it perhaps.
      if ((await reader.texts([key]))[0] !== text) continue;
      const id = known?.id ?? key;
      const isOlder = known !== null && kind !== "rule" && madeAt(kind, key, id) < Date.parse(began);
      if (isOlder && before + unchained < (older ?? Number.POSITIVE_INFINITY)) unchained++;
      else problems.push(problem("added", null, kind, id, addedText(kind, id, isOlder ? older : 0)));
    }
    // Fewer than asked for are not the end: they were long.
    const reached = rows.at(-1)?.[0] ?? within(prefix).lt;
    const isOver = !auditedPrefixes.some((each) => reached < within(each).lt);
    const found = { rows: 0, records: rows.length, unchained, problems, seq: until };
    const next: Cursor = { part: "records", after: reached, until, unchained: before + unchained };
    return { found, after: isOver ? null : next };
  };

  const checkNoted = async ({ seq, hash }: NotedHead): Promise<AuditProblem[]> => {
    const reader = new ChainReader(level);
    const [row] = await reader.from(seq, 1);
    if (row?.seq === seq) {
      if (headOfRow(row).hash === hash) return [];
      return [problem("head-differs", seq, "row", String(seq), `row ${seq} is not the one that was noted`)];
    }
    const dropped = await reader.dropped();
    if (dropped?.seq === seq && dropped.hash === hash) return [];
    if (dropped !== null && seq <= dropped.seq) {
      const text = `row ${seq} is older than what is kept (from ${dropped.seq + 1}): nothing can be said of it`;
      return [problem("head-removed", seq, "row", String(seq), text)];
    }
    const text = `row ${seq}, which was noted, is not there: the chain was cut, or an older copy was restored`;
    return [problem("row-missing", seq, "row", String(seq), text)];
  };

  return {
    auditHead,

    async verifyAudit(given, noted) {
      if (given === undefined) stories = new ChainStories(level);
      const cursor = given === undefined ? await begin() : readCursor(given);
      const first = given === undefined && noted !== undefined ? await checkNoted(noted) : [];
      const { found, after } =
        cursor.part === "chain" ? await checkChain(cursor) : await checkRecords(cursor);
      // Nothing is asked of them any more.
      if (after?.part !== "chain") stories = new ChainStories(level);
      return {
        ...found,
        part: cursor.part,
        problems: [...first, ...found.problems].slice(0, mostProblems),
        until: cursor.until,
        ...(after !== null && { cursor: JSON.stringify(after) }),
      } satisfies AuditPage & Found;
    },

    ...createTraceStore({ level, writer }),
  };
}

function problem(
  fault: AuditProblem["fault"],
  seq: number | null,
  kind: AuditProblem["kind"],
  id: string,
  text: string,
): AuditProblem {
  return { fault, seq, kind, id, text };
}

const addedText = (kind: RecordKind, id: string, older = 0) =>
  older === 0
    ? `no row that is there speaks of ${kind} ${id}`
    : `no row speaks of ${kind} ${id}, or of another one that looks as old: there were ${older} when the chain began`;

const endMissing = (seq: number, until: number) =>
  problem("row-missing", seq, "row", String(seq), `rows ${seq} to ${until} are missing`);

const said: Readonly<Record<Exclude<ItemState, "kept" | "replaced">, string>> = {
  edited: "is not what the hub wrote",
  deleted: "is not there, and the hub has not removed it",
  "put-back": "is there, though the hub has removed it",
};

function changedRecord({ seq, item }: Claimed, state: keyof typeof said): AuditProblem {
  const { kind, id } = named(item);
  return problem(state, seq, kind, id, `${kind} ${id} ${said[state]}`);
}

function named(item: ChainItem): { readonly kind: RecordKind; readonly id: string } {
  if (item.what === "removed") return { kind: item.of, id: item.id };
  return { kind: item.what as RecordKind, id: "id" in item ? item.id : "" };
}

/** `null` for a text that is no record at all. */
function rootOfText(kind: RecordKind, text: string): { readonly id: string; readonly root: string } | null {
  try {
    const value = JSON.parse(text) as { readonly id: string; readonly rule: { readonly ref: string } };
    return { id: kind === "rule" ? value.rule.ref : value.id, root: rootOfRecord(kind, value) };
  } catch {
    return null;
  }
}

/** Milliseconds since the epoch, by where it lies. */
function madeAt(kind: RecordKind, key: string, id: string): number {
  return kind === "instance" ? placeTime(key.slice("i/".length)) : ulidTime(id);
}

/** API_BAD_REQUEST for what no piece has given. */
function readCursor(text: string): Cursor {
  try {
    const cursor = JSON.parse(text) as Cursor;
    if (cursor.part === "chain" && Number.isSafeInteger(cursor.next.seq)) return cursor;
    if (
      cursor.part === "records" &&
      typeof cursor.after === "string" &&
      Number.isSafeInteger(cursor.unchained)
    ) {
      return cursor;
    }
  } catch {
    // Said below.
  }
  throw new PetrelError("API_BAD_REQUEST", "cursor is none that a verification has given");
}
