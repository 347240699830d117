/** Requests that wait on disk, let go when their turn has come. */
import type { Draft } from "./draft.ts";
import type { GateRecord } from "./gates.ts";
import { hasQueue } from "./gates.ts";
import { admit, startHeld, type TellEnd } from "./held-requests.ts";
import { type HistoryRules, tellExecution } from "./history-record.ts";
import { keys, within } from "./keys.ts";
import type { GateStore } from "./port/executions.ts";
import type { RecordWriter, Rows } from "./records.ts";

export interface GatesParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly rules: HistoryRules;
}

export function createGatesStore({ database, writer, rules }: GatesParts): GateStore {
  const tellIn =
    (draft: Draft): TellEnd =>
    (before, ended) =>
      tellExecution(draft, rules, before, ended);
  return {
    async admit(gate, limitOf) {
      const some = () =>
        writer.submit({
          source: "",
          reads: [keys.gate(gate)],
          weight: 64,
          plan: (draft) => admit(draft, rules, gate, limitOf, tellIn(draft)),
        });
      while (await some());
    },

    async waitingGates() {
      const waiting: string[] = [];
      for await (const text of database.level.values(within("pg/"))) {
        const record = JSON.parse(text) as GateRecord;
        if (hasQueue(record)) waiting.push(record.key);
      }
      return waiting;
    },

    startHeld: (execution, limitOf) =>
      writer.submit({
        source: "",
        reads: [keys.execution(execution), keys.held(execution)],
        plan: (draft) => startHeld(draft, rules, execution, limitOf, tellIn(draft)),
      }),
  };
}
