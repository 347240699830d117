/** One of each message of the wire, whole. */
import type { OtherKind } from "../../../shared/wire/codec.ts";
import type { Entry, Hello } from "../../../shared/wire/messages.ts";
import { keyPair, statementOf } from "../../support/link-identities.ts";

const at = "2026-01-02T03:04:05.678Z";
const id = "01HZZZZZZZZZZZZZZZZZZZZZZ1";
const base = { id, at };
const credit = { entries: 10, bytes: 1_000 };
const blob = { digest: `sha256:${"0".repeat(64)}`, size: 5, truncated: true };

export const upEntries: readonly Entry[] = [
  {
    ...base,
    kind: "trigger",
    trigger: "a.b",
    payload: { "": [1, null, "ü"] },
    sensor: "a.S",
    trace_tag: null,
  },
  { ...base, kind: "execution-update", execution: id, status: "accepted" },
  {
    ...base,
    kind: "execution-update",
    execution: id,
    status: "failed",
    result: { stdout: "x", return_code: 1 },
    result_blob: blob,
    reason: "x",
    started_at: at,
    ended_at: at,
  },
  {
    ...base,
    kind: "sensor-event",
    sensor: "a.S",
    state: "backing-off",
    pid: null,
    restarts: 3,
    last_error: "e",
  },
  { ...base, kind: "link-gap", epoch: "e", from: 1, to: 2, reason: "r" },
  {
    ...base,
    kind: "inventory",
    host: "h",
    version: "1",
    platform: "linux",
    labels: { a: "b" },
    runners: ["noop"],
    packs: { p: "d" },
  },
  { ...base, kind: "upgrade-report", upgrade: id, state: "rolled_back", code: "C", reason: "r" },
];

const request = {
  ...base,
  kind: "action-request",
  execution: "01HZZZZZZZZZZZZZZZZZZZZZZ2",
  action: "core.local",
  runner: "local-shell-cmd",
  pack: "core",
  pack_digest: "sha256:0",
  entry_point: "",
  runner_parameters: { cmd: "id" },
  parameters: {},
  timeout: 60,
  idempotent: false,
  expires_at: null,
  user: "petrel",
  rule: null,
  trigger_instance: null,
} as const;

export const downEntries: readonly Entry[] = [
  request,
  { ...request, parameters_blob: blob, positional: ["a"], expires_at: at, rule: "p.r", trigger_instance: id },
  { ...base, kind: "cancel", execution: id, reason: "user" },
  { ...base, kind: "pause", execution: id },
  { ...base, kind: "resume", execution: id },
  { ...base, kind: "assignment", pack: "p", digest: null, size: 0, config: { a: { b: 1 } } },
  {
    ...base,
    kind: "upgrade",
    upgrade: id,
    releases: [
      {
        v: 1,
        version: "1.2.3",
        arch: "x64",
        sha256: "a".repeat(64),
        bytes: 9,
        parts: [{ digest: `sha256:${"b".repeat(64)}`, size: 5 }],
        min_agent: null,
        min_hub: "1.0.0",
        signature: null,
      },
    ],
    allow_downgrade: true,
    expires_at: at,
  },
];

export function helloOf(from: "agent" | "hub"): Omit<Hello, "auth"> {
  return {
    v: 1,
    type: "hello",
    from,
    session: "s",
    to: "t",
    incarnation: "i",
    version: "1",
    capabilities: ["trigger"],
    clock: at,
    epochs: [
      { id: "e1", first: 1, last: 0 },
      { id: "e2", first: 7, last: 900 },
    ],
  };
}

const root = keyPair().privateKey;

export const otherMessages: readonly (readonly [kind: OtherKind, message: object])[] = [
  ["up-receipt", { v: 1, epoch: "e1", upTo: 4, credit }],
  [
    "down-receipt",
    {
      v: 1,
      epoch: "e1",
      upTo: 0,
      credit,
      resend: true,
      refused: { first: 1, size: 9, code: "C", message: "m" },
    },
  ],
  ["hello", { ...helloOf("agent"), process: { id: "p", host: "h", address: "127.0.0.1:1" } }],
  ["hello", { ...helloOf("hub"), hub_keys: statementOf(root, 1, [keyPair().privateKey]) }],
  [
    "hello",
    {
      v: 1,
      type: "marks",
      from: "agent",
      session: "s",
      by: "t",
      clock: at,
      marks: [{ epoch: "e", upTo: 3 }],
      credit,
    },
  ],
  ["ask", { v: 1, from: "agent", id: "q", op: "blob", args: { a: [1] }, within: 5 }],
  ["answer", { v: 1, from: "agent", id: "q", value: { x: null } }],
  ["answer", { v: 1, from: "agent", id: "q", error: { code: "C", message: "m" } }],
  ["stream", { v: 1, execution: id, stream: "stdout", offset: 0, text: "hé" }],
  ["presence", { v: 1, state: "online", incarnation: "i", version: "1", at }],
];
