/** Requests to Linux audit over netlink (linux/audit.h), and its answers. Pure. */
import { Buffer } from "node:buffer";
import type { BytePath } from "../../../shared/watch/paths.ts";

export const audit = { get: 1000, set: 1001, addRule: 1011, deleteRule: 1012, listRules: 1013 } as const;
export const answer = { error: 2, done: 3 } as const;

/** By which our rules are known, ours of an earlier life too. */
export const ruleKey = "petrel-watch";

export interface AuditStatus {
  /** 0: off, 1: on, 2: on, and nothing can be changed until the next boot. */
  readonly enabled: number;
  /** The process id of auditd; 0 without. */
  readonly daemon: number;
  readonly backlogLimit: number;
  readonly backlogWait: number;
}

const headBytes = 16;
const changed = { enabled: 0x1, backlogLimit: 0x10, backlogWait: 0x20 } as const;

export function auditRequest(type: number, sequence: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(headBytes + payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  // NLM_F_REQUEST; NLM_F_ACK for what has no other answer.
  bytes.writeUInt16LE(type === audit.get || type === audit.listRules ? 1 : 5, 6);
  bytes.writeUInt32LE(sequence, 8);
  payload.copy(bytes, headBytes);
  return bytes;
}

export interface AuditAnswer {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

export function decodeAnswer(bytes: Buffer): AuditAnswer | null {
  if (bytes.length < headBytes) return null;
  return { type: bytes.readUInt16LE(4), sequence: bytes.readUInt32LE(8), payload: bytes.subarray(headBytes) };
}

/** errno of an answer; 0: done. */
export function errorOf({ payload }: AuditAnswer): number {
  return payload.length < 4 ? 0 : -payload.readInt32LE(0);
}

export function decodeStatus(payload: Buffer): AuditStatus {
  const number = (index: number) => (payload.length >= index * 4 + 4 ? payload.readUInt32LE(index * 4) : 0);
  return { enabled: number(1), daemon: number(3), backlogLimit: number(5), backlogWait: number(9) };
}

/** Sets only what is given. */
export function statusChange(wanted: Partial<Omit<AuditStatus, "daemon">>): Buffer {
  const bytes = Buffer.alloc(40);
  const fields = [
    [changed.enabled, 1, wanted.enabled],
    [changed.backlogLimit, 5, wanted.backlogLimit],
    [changed.backlogWait, 9, wanted.backlogWait],
  ] as const;
  let mask = 0;
  for (const [bit, index, value] of fields) {
    if (value === undefined) continue;
    mask |= bit;
    bytes.writeUInt32LE(value, index * 4);
  }
  bytes.writeUInt32LE(mask, 0);
  return bytes;
}

const ruleBytes = 12 + 4 * 64 * 4 + 4;
const fieldAt = { fields: 12 + 256, values: 12 + 512, operators: 12 + 768, text: ruleBytes } as const;
const field = { file: 105, permission: 106, folder: 107, key: 210 } as const;
const exitFilter = 4;
const always = 2;
const equal = 0x40000000;
/** Writing, and changing attributes. */
const writeOrAttributes = 2 | 8;

/** `auditctl -a always,exit -F dir=PATH -F perm=wa -k petrel-watch`; of a file `-F path=`. */
export function watchRule(path: BytePath, isFolder: boolean): Buffer {
  const place = Buffer.from(path, "latin1");
  const key = Buffer.from(ruleKey, "latin1");
  const bytes = Buffer.alloc(ruleBytes + place.length + key.length);
  bytes.writeUInt32LE(exitFilter, 0);
  bytes.writeUInt32LE(always, 4);
  const rows = [
    [isFolder ? field.folder : field.file, place.length],
    [field.permission, writeOrAttributes],
    [field.key, key.length],
  ] as const;
  bytes.writeUInt32LE(rows.length, 8);
  // All system calls: the permission decides.
  bytes.fill(0xff, 12, 12 + 256);
  for (const [at, [name, value]] of rows.entries()) {
    bytes.writeUInt32LE(name, fieldAt.fields + at * 4);
    bytes.writeUInt32LE(value, fieldAt.values + at * 4);
    bytes.writeUInt32LE(equal, fieldAt.operators + at * 4);
  }
  bytes.writeUInt32LE(place.length + key.length, ruleBytes - 4);
  place.copy(bytes, fieldAt.text);
  key.copy(bytes, fieldAt.text + place.length);
  return bytes;
}

/** Whether a rule that the kernel lists bears our key; it takes such a one back as it is. */
export function isOurs(rule: Buffer): boolean {
  return rule.length >= ruleBytes && rule.toString("latin1", ruleBytes).replace(/\0+$/, "").endsWith(ruleKey);
}
