/** Ownership, marks and down ledgers of the agents, and what their entries bring. */
import type { NumberedEntry, OutboxEpoch } from "../../shared/link/ports.ts";
import {
  type DownHead,
  type DownRow,
  dispatch,
  headOf,
  openEpoch,
  park,
  receipt,
  refill,
  waitingCount,
} from "./down-ledger.ts";
import { type HistoryRules, putLetter } from "./history-record.ts";
import { downNumber, keys } from "./keys.ts";
import type { AgentStore } from "./port/agents.ts";
import type { IntakeStore } from "./port/intake.ts";
import type { Claim, LedgerStore, StoredEntry } from "./port/ledgers.ts";
import type { RecordWriter, Rows } from "./records.ts";
import {
  type ClaimRecord,
  failParked,
  type MarkRecord,
  owns,
  putAgent,
  takeIn,
  takeInReads,
} from "./take-in.ts";

export interface LedgerParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly rules: HistoryRules;
  readonly now: () => number;
}

type Ledgers = LedgerStore & Pick<IntakeStore, "marks" | "takeIn"> & Pick<AgentStore, "putAgent">;

export function createLedgerStore({ database, writer, rules, now }: LedgerParts): Ledgers {
  /** Brings on what waits for room, a bounded number in each batch. */
  const refillAll = async (agent: string) => {
    const again = () =>
      writer.submit({
        source: agent,
        reads: [keys.head(agent)],
        weight: 64,
        plan: (draft) => refill(draft, rules, agent),
      });
    while (await again());
  };

  const readRows = (agent: string, head: DownHead | null, { epoch: id, from, ...most }: DownPage) => {
    const epoch = head?.epochs.find((each) => each.id === id);
    const page = new RowPage(most.maxEntries, most.maxBytes);
    if (epoch === undefined) return page.found;
    let n = Math.max(epoch.first, Math.floor(from));
    // What was dispatched just now is still in memory.
    for (; n <= epoch.last; n++) {
      const row = writer.peek<DownRow>(keys.down(agent, id, n));
      if (row === undefined) return readStored(agent, { id, from: n, last: epoch.last }, page);
      if (!page.add(row, n)) break;
    }
    return page.found;
  };

  const readStored = async (
    agent: string,
    { id, from, last }: { readonly id: string; readonly from: number; readonly last: number },
    page: RowPage,
  ) => {
    const range = { gte: keys.down(agent, id, from), lte: keys.down(agent, id, last) };
    for await (const [key, text] of database.level.iterator(range)) {
      // The first ones may have been receipted, by another process even, since the head was read.
      if (!page.add(JSON.parse(text) as DownRow, downNumber(key))) break;
    }
    return page.found;
  };

  return {
    async claimAgent(hub, agent, leaseMs, at) {
      const claimed = await writer.submit<{ claim: Claim; waits: boolean } | null>({
        source: agent,
        reads: [keys.claim(agent), keys.head(agent)],
        plan: (draft) => {
          const before = draft.get<ClaimRecord>(keys.claim(agent));
          if (before !== null && before.hub !== hub && before.until > at) return null;
          const { epoch, ...head } = openEpoch(headOf(draft, agent), rules);
          const record = { hub, fence: (before?.fence ?? 0) + 1, epoch: epoch.id, until: at + leaseMs };
          draft.put(keys.claim(agent), record satisfies ClaimRecord);
          draft.put(keys.head(agent), head satisfies DownHead);
          return { claim: { ...record, agent }, waits: waitingCount(head) > 0 };
        },
      });
      // What waited when the store was last closed would otherwise wait for a receipt that never comes.
      if (claimed?.waits) await refillAll(agent);
      return claimed?.claim ?? null;
    },

    renewClaim: (claim, leaseMs, at) =>
      writer.submit({
        source: claim.agent,
        reads: [keys.claim(claim.agent)],
        plan: (draft) => {
          const record = draft.get<ClaimRecord>(keys.claim(claim.agent));
          if (record === null || !owns(record, claim)) return false;
          draft.put(keys.claim(claim.agent), { ...record, until: at + leaseMs } satisfies ClaimRecord);
          return true;
        },
      }),

    async marks(agent, epochs) {
      const records = await writer.readMany<MarkRecord>(epochs.map((epoch) => keys.mark(agent, epoch)));
      return new Map(epochs.map((epoch, index) => [epoch, records[index]?.n ?? 0]));
    },

    takeIn: (take) =>
      writer.submit({
        source: take.claim.agent,
        weight: Math.max(1, take.effects.length),
        reads: () => takeInReads(take),
        plan: (draft) => takeIn(draft, rules, take, now()),
      }),

    async appendDown(dispatches) {
      await writer.submit({
        source: dispatches[0]?.agent ?? "",
        weight: dispatches.length,
        reads: dispatches.map(({ agent }) => keys.head(agent)),
        plan: (draft) => {
          for (const each of dispatches) dispatch(draft, rules, each, false);
        },
      });
    },

    downEpochs: async (agent) => epochsOf(await writer.read<DownHead>(keys.head(agent))),

    downEpochsNow(agent) {
      const head = writer.peek<DownHead>(keys.head(agent));
      return head === undefined ? null : epochsOf(head);
    },

    readDown(agent, epoch, from, maxEntries, maxBytes) {
      const head = writer.peek<DownHead>(keys.head(agent));
      const page = { epoch, from, maxEntries, maxBytes };
      if (head !== undefined) return readRows(agent, head, page);
      return writer.read<DownHead>(keys.head(agent)).then((read) => readRows(agent, read, page));
    },

    async receiptDown(agent, epoch, upTo) {
      const waits = await writer.submit({
        source: agent,
        reads: () => [keys.head(agent), keys.down(agent, epoch, upTo)],
        plan: (draft) => receipt(draft, agent, epoch, upTo),
      });
      if (waits) await refillAll(agent);
    },

    async parkDown(agent, epoch, n, letter) {
      await writer.submit({
        source: agent,
        reads: [keys.head(agent), keys.down(agent, epoch, n), keys.tally(), keys.letter(letter.id)],
        plan: (draft) => {
          const parked = park(draft, agent, epoch, n, letter.reason);
          if (parked === null) return;
          putLetter(draft, rules, letter);
          if (parked.kind === "action-request") failParked(draft, rules, parked.execution, letter);
        },
      });
    },

    async voidDown(agent, epoch, n, why) {
      await writer.submit({
        source: agent,
        reads: [keys.head(agent), keys.down(agent, epoch, n)],
        plan: (draft) => {
          const voided = park(draft, agent, epoch, n, why.reason);
          if (voided?.kind === "action-request") failParked(draft, rules, voided.execution, why);
        },
      });
    },

    putAgent: (agent, expectRev) =>
      writer.submit({
        source: agent.id,
        reads: [keys.agent(agent.id)],
        plan: (draft) => putAgent(draft, rules, agent, expectRev),
      }),
  };
}

interface DownPage {
  readonly epoch: string;
  readonly from: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Entries of one read. */
class RowPage {
  readonly found: NumberedEntry<StoredEntry>[] = [];
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** False when it is full; one entry fits in any case. */
  add({ entry, size }: DownRow, n: number): boolean {
    const { length } = this.found;
    if (length > 0 && (this.#bytes + size > this.#maxBytes || length >= this.#maxEntries)) return false;
    this.found.push({ n, last: n, entry, size });
    this.#bytes += size;
    return true;
  }
}

const epochsOf = (head: DownHead | null): OutboxEpoch[] =>
  (head?.epochs ?? []).map(({ id, first, last, isControl }) => ({
    id,
    first,
    last,
    ...(isControl && { isControl }),
  }));
