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
  /** Resolves once it has reached the kernel; the disk whenever that likes: it has to outlive this process, not the power. */
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
  return {
    read: (agent) => found.get(agent) ?? null,
    // At once, and no later with others: to wait for the turn's end would cost an entry more than the call does.
    async write(agent, record) {
      const at = slots.get(agent) ?? next++;
      slots.set(agent, at);
      found.delete(agent);
      slot.fill(0x20);
      slot.write(JSON.stringify({ agent, ...record }));
      writeAllNow(handle, slot, at * slotBytes);
    },
    close: () => closeSync(handle),
  };
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
