/** Which entries were being taken in when the hub died, kept in one small file: a slot for each agent. */
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../shared/json.ts";
import type { IntakeRecord } from "../../shared/link/poison.ts";
import { writeAllNow } from "../../shared/whole-file-fs.ts";

/** Bytes of a slot; an agent id, an epoch and three numbers fit with room to spare. */
const slotBytes = 512;

export interface IntakeRecords {
  /** What the last life of the hub left; `null` once this one has begun to take in. */
  read(agent: string): IntakeRecord | null;
  /**
   * Resolves once it has reached the kernel; the disk whenever that likes: it has to outlive this process, not the power.
   * Those of one turn of the event loop are written together.
   */
  write(agent: string, record: IntakeRecord): Promise<void>;
  close(): void;
}

/** Opens `folder/intake`; a slot that cannot be read counts as empty. */
export function openIntakeRecords(folder: string): IntakeRecords {
  const file = openSync(join(folder, "intake"), "a+", 0o600);
  closeSync(file);
  const handle = openSync(join(folder, "intake"), "r+", 0o600);
  const slots = new Map<string, number>();
  const found = new Map<string, IntakeRecord>();
  const slot = Buffer.alloc(slotBytes);
  let next = 0;
  const readNext = () => readSync(handle, slot, 0, slotBytes, next * slotBytes);
  for (let read = readNext(); read > 0; read = readNext()) {
    const parsed = parseSlot(slot.toString("utf8", 0, read));
    if (parsed !== null) {
      slots.set(parsed.agent, next);
      found.set(parsed.agent, parsed.record);
    }
    next++;
  }
  /** What is to be written, by slot; and who waits for it. */
  let waiting = new Map<number, string>();
  let flushing: Promise<void> | null = null;
  const flush = () => {
    flushing = null;
    const texts = waiting;
    waiting = new Map();
    for (const { first, last } of runsOf([...texts.keys()])) {
      const bytes = Buffer.alloc((last - first + 1) * slotBytes, 0x20);
      for (let at = first; at <= last; at++)
        bytes.write(texts.get(at) ?? "", (at - first) * slotBytes, slotBytes);
      writeAllNow(handle, bytes, first * slotBytes);
    }
  };

  return {
    read: (agent) => found.get(agent) ?? null,
    write(agent, record) {
      const at = slots.get(agent) ?? next++;
      slots.set(agent, at);
      found.delete(agent);
      waiting.set(at, JSON.stringify({ agent, ...record }));
      flushing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(flush);
      return flushing;
    },
    close: () => closeSync(handle),
  };
}

/** Slots that lie side by side: one system call for each run. */
function runsOf(slots: number[]): { readonly first: number; readonly last: number }[] {
  const runs: { first: number; last: number }[] = [];
  for (const at of slots.sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && run.last === at - 1) run.last = at;
    else runs.push({ first: at, last: at });
  }
  return runs;
}

function parseSlot(text: string): { agent: string; record: IntakeRecord } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // torn by a power cut: nobody is suspected then
  }
  if (!isObject(value)) return null;
  const { agent, epoch, from, to, crashes } = value;
  if (typeof agent !== "string" || typeof epoch !== "string") return null;
  if (typeof from !== "number" || typeof to !== "number" || typeof crashes !== "number") return null;
  return { agent, record: { epoch, from, to, crashes } };
}
