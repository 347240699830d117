/** Who belongs to an execution: its process group, and whoever left it for a group or session of its own. Pure. */
import type { ProcessStat } from "./proc-fs.ts";

export interface FamilyMarks {
  /** The group and session that the execution began in; `null` when their number may be somebody else's by now. */
  readonly group: number | null;
  /** Who was seen to belong to it before; a process that has lost its parent cannot be found by that any more. */
  readonly known: ReadonlySet<string>;
  /** Whether the environment a process was started with names the execution. Asked of as few as possible. */
  readonly isMarked: (process: ProcessStat) => boolean;
  /** The agent: it and what is only its child belong to nobody. */
  readonly self: number;
  /** Clock ticks since boot when the execution began: who is older belongs to something else. */
  readonly sinceTicks: number;
}

/** Names a process beyond doubt, within one boot. */
export const identityOf = ({ pid, startTicks }: ProcessStat) => `${pid}:${startTicks}`;

/** The members among `all`: by group, session, mark or earlier sight, and everything that descends from them. */
export function familyOf(all: readonly ProcessStat[], marks: FamilyMarks): readonly ProcessStat[] {
  const { group, known, isMarked, self, sinceTicks } = marks;
  const young = all.filter(({ pid, startTicks }) => pid !== self && pid > 1 && startTicks >= sinceTicks);
  const found = new Map<number, ProcessStat>();
  const children = Map.groupBy(young, ({ parent }) => parent);
  const add = (process: ProcessStat): void => {
    if (found.has(process.pid)) return;
    found.set(process.pid, process);
    for (const child of children.get(process.pid) ?? []) add(child);
  };
  for (const process of young) {
    const isOfGroup = group !== null && (process.group === group || process.session === group);
    if (isOfGroup || known.has(identityOf(process))) add(process);
  }
  for (const process of young) if (!found.has(process.pid) && isMarked(process)) add(process);
  return [...found.values()];
}
