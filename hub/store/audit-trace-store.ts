/** Finds the steps behind one execution or trigger instance in the audit's chain. */
import { isUlid, ulidTime } from "../../shared/ids.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { RuleRecord, RuleVersion } from "../../shared/model/rule.ts";
import { type AuditStep, type AuditTrace, isSound, type StepState } from "../audit/audit.ts";
import {
  type ChainItem,
  digestOfJson,
  type ExecutionItem,
  rootOf,
  ruleRoot,
  sha256,
} from "../audit/chain.ts";
import { parseRow } from "../audit/row-text.ts";
import { keyOfItem } from "./chain-items.ts";
import { ChainReader, type Claimed } from "./chain-reader-store.ts";
import { downNumber, keys, within } from "./keys.ts";
import type { RecordWriter, Rows } from "./records.ts";

/** Rows searched for an execution whose record is gone, from the time in its id on. */
const searched = 500;

/** Rows of one story that are looked at: one with more is a run over thousands of agents. */
const mostOfStory = 5_000;

interface Told {
  readonly seq: number;
  readonly at: string;
  readonly item: ChainItem;
}

/** Which items tell of what was asked for. */
interface Story {
  readonly roots: readonly string[];
  /** `null`: all that the instance led to. */
  readonly execution: string | null;
}

export function createTraceStore({
  level,
  writer,
}: {
  readonly level: Rows;
  readonly writer: Pick<RecordWriter, "read">;
}): { traceAudit(id: string): Promise<AuditTrace | null> } {
  const storyOf = async (reader: ChainReader, id: string): Promise<Story | null> => {
    const execution = await writer.read<Execution>(keys.execution(id));
    if (execution !== null) return storyOfExecution(id, execution.trigger_instance);
    const told = await toldOf(reader, [id]);
    const own = told.find(({ item }) => "id" in item && item.id === id && isTold(item))?.item;
    const made = own ?? (await search(reader, id));
    if (made?.what === "execution") return storyOfExecution(id, made.instance);
    return told.length > 0 ? { roots: [id], execution: null } : null;
  };

  /** An execution whose record somebody has deleted: its id has the time of the row that made it. */
  const search = async (reader: ChainReader, id: string): Promise<ExecutionItem | null> => {
    if (!isUlid(id)) return null;
    let seq = await firstSince(reader, ulidTime(id));
    for (const end = seq + searched; seq < end; ) {
      const rows = await reader.from(seq, end - seq);
      for (const { text } of rows) {
        const item = parseRow(text)?.items.find((each) => each.what === "execution" && each.id === id);
        if (item?.what === "execution") return item;
      }
      seq = (rows.at(-1)?.seq ?? end) + 1;
    }
    return null;
  };

  /** Number of the first row at or after a time (milliseconds): times of rows never go back. */
  const firstSince = async (reader: ChainReader, ms: number): Promise<number> => {
    const [first] = await reader.from(0, 1);
    let low = first?.seq ?? 1;
    const [last] = await level.keys({ ...within("ac/"), reverse: true, limit: 1 }).all();
    let high = last === undefined ? low : downNumber(last) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = Date.parse((await reader.row(middle))?.at ?? "");
      if (at < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  /** What rows tell of these stories, in their order. */
  const toldOf = async (reader: ChainReader, roots: readonly string[]): Promise<Told[]> => {
    const seqs = new Set<number>();
    for (const root of roots) {
      for await (const seq of reader.story(root)) if (seqs.add(seq).size >= mostOfStory) break;
    }
    const told: Told[] = [];
    for (const seq of [...seqs].sort((a, b) => a - b)) {
      const row = await reader.row(seq);
      for (const item of row?.items ?? []) {
        if (row !== null && roots.includes(rootOf(item) ?? "")) told.push({ seq, at: row.at, item });
      }
    }
    return told;
  };

  const isLinked = async (reader: ChainReader, seq: number): Promise<boolean> => {
    const [before, own, behind] = await Promise.all([
      reader.from(seq - 1, 1),
      reader.from(seq, 1),
      reader.from(seq + 1, 1),
    ]);
    const row = await reader.row(seq);
    const text = own[0]?.text;
    if (row === null || text === undefined) return false;
    // Of the oldest that is kept, the one before is gone.
    if (before[0]?.seq === seq - 1 && sha256(before[0].text) !== row.prev) return false;
    const next = behind[0];
    if (next === undefined) return true;
    return next.seq === seq + 1 && (await reader.row(seq + 1))?.prev === sha256(text);
  };

  /** What has become of each; a story is read once for all of them. */
  const statesOf = async (
    reader: ChainReader,
    told: readonly Pick<Told, "seq" | "item">[],
  ): Promise<StepState[]> => {
    const claims = told.map(({ seq, item }) => ({ seq, item, key: keyOfItem(item) }));
    const open = claims.filter((claim): claim is Claimed => claim.key !== null);
    const states = await reader.statesOf(open, await reader.texts(open.map(({ key }) => key)));
    let next = 0;
    return claims.map(({ item, key }) => {
      if (key === null) return "sent";
      const state = states[next++] ?? "kept";
      return state === "kept" && item.what === "removed" ? "removed" : state;
    });
  };

  /** The row that brought the definition which a rule's decision rests on. */
  const ruleStep = async (
    reader: ChainReader,
    ref: string,
    definition: string,
    before: number,
  ): Promise<AuditStep | null> => {
    for await (const seq of reader.backwards(ruleRoot(ref), before)) {
      const row = await reader.row(seq);
      const item = row?.items.find(
        (each) => each.what === "rule" && each.id === ref && each.definition === definition,
      );
      if (row === null || item === undefined) continue;
      const versions = await writer.read<readonly RuleVersion[]>(keys.ruleHistory(ref));
      const record = await writer.read<RuleRecord>(keys.rule(ref));
      const texts = [record?.rule ?? null, ...(versions ?? []).map(({ rule }) => rule)];
      const isKept = texts.some((rule) => rule !== null && digestOfJson(rule) === definition);
      const [state = "kept"] = isKept ? [] : await statesOf(reader, [{ seq, item }]);
      return { seq, at: row.at, item, state, linked: await isLinked(reader, seq) };
    }
    return null;
  };

  return {
    async traceAudit(id) {
      const reader = new ChainReader(level);
      const story = await storyOf(reader, id);
      if (story === null) return null;
      const told = await toldOf(reader, story.roots);
      const belongs = belongsTo(story, told);
      const links = new Map<number, boolean>();
      const linkedAt = async (seq: number) => {
        const known = links.get(seq) ?? (await isLinked(reader, seq));
        links.set(seq, known);
        return known;
      };
      const steps: AuditStep[] = [];
      const own = told.filter((each) => belongs(each.item));
      const states = await statesOf(reader, own);
      for (const [index, { seq, at, item }] of own.entries()) {
        if (item.what === "enforcement" && item.rule_digest !== null) {
          const rule = await ruleStep(reader, item.rule, item.rule_digest, seq);
          if (rule !== null) steps.push(rule);
        }
        const state = states[index] ?? "kept";
        steps.push({ seq, at, item, state, linked: await linkedAt(seq) });
      }
      if (steps.length === 0) return null;
      const kind = story.execution === null ? "instance" : "execution";
      return { id, kind, steps, verified: steps.every(isSound) };
    },
  };
}

const isTold = ({ what }: ChainItem) => what === "execution" || what === "instance";

const storyOfExecution = (id: string, instance: string | null): Story => ({
  roots: instance === null || instance === id ? [id] : [instance, id],
  execution: id,
});

/** Of an execution: its instance, the decision that made it, its requests, and itself. */
function belongsTo({ execution }: Story, told: readonly Told[]): (item: ChainItem) => boolean {
  if (execution === null) return () => true;
  const own = told.flatMap(({ item }) => (item.what === "execution" && item.id === execution ? [item] : []));
  const decisions = new Set(own.map(({ enforcement }) => enforcement));
  return (item) => {
    switch (item.what) {
      case "instance":
        return true;
      case "enforcement":
        return decisions.has(item.id);
      case "execution":
        return item.id === execution;
      case "sent":
        return item.execution === execution;
      case "removed":
        return item.id === execution || item.of === "instance" || decisions.has(item.id);
      default:
        return false;
    }
  };
}
