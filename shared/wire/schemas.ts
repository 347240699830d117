/**
 * JSON Schemas of every message on the wire. Readers are tolerant: unknown fields are ignored; those that are
 * known must be there and of their type. Every string and list is bounded, since the bytes may be hostile.
 */
import { maxBlobBytes } from "../blobs/blob-ref.ts";
import { hubStatementSchema } from "../identity/hub-statement.ts";
import { mostReleases, signedManifestSchema } from "../upgrade/manifest.ts";
import type { Entry, TopicKind } from "./messages.ts";

type Schema = Readonly<Record<string, unknown>>;

/** At most this many entries in a packet, and epochs in a hello. */
export const maxPacketEntries = 1_024;
export const maxHelloEpochs = 1_024;

const text = (maxLength: number): Schema => ({ type: "string", maxLength });
const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const count: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
/** Ids become parts of keys: nothing that could be taken for a separator. */
const id: Schema = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$" };
const ref: Schema = { type: "string", pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$" };
const reason = text(8_192);
/** RFC 3339. */
const at: Schema = {
  type: "string",
  maxLength: 40,
  pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)$",
};
const side: Schema = { enum: ["agent", "hub"] };
/** Room for a key's name, an HMAC and a signature side by side. */
const auth = nullable({ type: "string", pattern: "^[A-Za-z0-9_.-]{1,512}$" });

/** Everything is required but what `optional` names. */
function object(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required };
}

const message = (properties: Record<string, Schema>, optional: readonly string[] = []) =>
  object({ v: { const: 1 }, ...properties, auth }, optional);
const list = (items: Schema, maxItems: number): Schema => ({ type: "array", items, maxItems });
const mapOf = (schema: Schema, maxProperties: number): Schema => ({
  type: "object",
  additionalProperties: schema,
  maxProperties,
});

const blobRef = object(
  {
    digest: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
    size: { type: "integer", minimum: 0, maximum: maxBlobBytes },
    truncated: { type: "boolean" },
  },
  ["truncated"],
);
/** 32 bytes in base64url. */
const blobKey: Schema = { type: "string", pattern: "^[A-Za-z0-9_-]{43}$" };
const credit = object({ entries: count, bytes: count });
const anyObject: Schema = { type: "object" };
const anyValue: Schema = {};

const entry = (properties: Record<string, Schema>, optional: readonly string[] = []) =>
  object({ id, at, kind: text(64), ...properties }, optional);

/** What every entry has, also one of a kind that this side does not know. */
export const entryBaseSchema = entry({});

const control = entry({ execution: id, reason }, ["reason"]);
const voided = entry({ from: count, to: count, reason });

type SchemasOf = Readonly<Partial<Record<Entry["kind"], Schema>>>;

export const upEntrySchemas: SchemasOf = {
  trigger: entry(
    {
      trigger: ref,
      parameters: anyObject,
      payload: anyValue,
      sensor: nullable(ref),
      trace_tag: nullable(text(1_024)),
      hub_at: at,
    },
    ["parameters", "trace_tag", "hub_at"],
  ),
  "execution-update": entry(
    {
      execution: id,
      status: {
        enum: ["accepted", "running", "succeeded", "failed", "timeout", "abandoned", "canceled", "paused"],
      },
      result: anyValue,
      result_blob: blobRef,
      result_key: blobKey,
      secret: { const: true },
      reason,
      started_at: at,
      ended_at: at,
      action: ref,
      trigger_instance: nullable(id),
    },
    [
      "result",
      "result_blob",
      "result_key",
      "secret",
      "reason",
      "started_at",
      "ended_at",
      "action",
      "trigger_instance",
    ],
  ),
  "sensor-event": entry(
    {
      sensor: ref,
      state: { enum: ["starting", "running", "backing-off", "failed", "stopped"] },
      pid: nullable(count),
      restarts: count,
      last_error: nullable(reason),
      cmd: text(1_024),
      exit_code: count,
      fingerprint: nullable(text(128)),
      problem: nullable(reason),
    },
    ["cmd", "exit_code", "fingerprint", "problem"],
  ),
  "link-gap": entry({ direction: { enum: ["up", "down"] }, epoch: id, from: count, to: count, reason }, [
    "direction",
  ]),
  inventory: entry(
    {
      host: text(255),
      version: text(64),
      platform: text(128),
      labels: mapOf(text(1_024), 1_024),
      runners: list(text(64), 256),
      packs: mapOf(text(128), 4_096),
      fingerprints: mapOf(text(128), 4_096),
      preparing: list(text(128), 4_096),
      problems: mapOf(text(2_048), 4_096),
      policy: nullable(text(128)),
      store_format: { type: "integer", minimum: 1 },
    },
    ["fingerprints", "preparing", "problems", "policy", "store_format"],
  ),
  "upgrade-report": entry(
    {
      upgrade: id,
      state: { enum: ["sending", "installing", "healthy", "failed", "rolled_back", "refused"] },
      code: text(64),
      reason,
    },
    ["code", "reason"],
  ),
  void: voided,
};

export const downEntrySchemas: SchemasOf = {
  "action-request": entry(
    {
      execution: id,
      action: ref,
      runner: text(64),
      pack: text(256),
      pack_digest: text(128),
      entry_point: text(4_096),
      runner_parameters: anyObject,
      parameters: anyObject,
      parameters_blob: blobRef,
      positional: list(text(256), 1_024),
      timeout: { type: "number", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      idempotent: { type: "boolean" },
      expires_at: nullable(at),
      user: text(256),
      rule: nullable(ref),
      trigger_instance: nullable(id),
      secret: list({ enum: ["parameters", "result"] }, 8),
      parameters_key: blobKey,
    },
    ["parameters_blob", "positional", "secret", "parameters_key"],
  ),
  cancel: control,
  pause: control,
  resume: control,
  assignment: entry(
    {
      pack: text(256),
      digest: nullable(text(128)),
      size: count,
      config: anyObject,
      fingerprint: text(128),
      sensors: { type: "array", items: object({ sensor: ref, enabled: { type: "boolean" } }) },
      triggers: { type: "array", items: object({ type: ref, parameters: anyObject }) },
      secret: { const: true },
    },
    ["fingerprint", "sensors", "triggers", "secret"],
  ),
  upgrade: entry(
    {
      upgrade: id,
      releases: list(signedManifestSchema, mostReleases),
      allow_downgrade: { type: "boolean" },
      expires_at: at,
      hub_keys: hubStatementSchema,
    },
    ["hub_keys"],
  ),
  void: voided,
};

/** The packet without its entries: these are checked one by one, so that a bad one can be named. */
export const packetSchema = message(
  {
    epoch: id,
    first: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    entries: { type: "array", maxItems: maxPacketEntries },
    more: count,
  },
  ["more"],
);

const receipt = message(
  {
    epoch: id,
    upTo: count,
    credit,
    resend: { type: "boolean" },
    refused: object({ first: count, size: count, code: text(64), message: reason }),
  },
  ["resend", "refused"],
);

const hello = message(
  {
    type: { const: "hello" },
    from: side,
    session: id,
    to: nullable(id),
    incarnation: id,
    version: text(64),
    capabilities: list(text(64), 256),
    clock: at,
    epochs: list(object({ id, first: { ...count, minimum: 1 }, last: count }), maxHelloEpochs),
    process: object({ id, host: text(256), address: nullable(text(128)) }),
    hub_keys: hubStatementSchema,
    keys_serial: count,
  },
  ["process", "hub_keys", "keys_serial"],
);

const marks = message(
  {
    type: { const: "marks" },
    from: side,
    session: id,
    by: id,
    clock: at,
    marks: list(object({ epoch: id, upTo: count }), maxHelloEpochs),
    credit,
    keys_serial: count,
  },
  ["keys_serial"],
);

/** Of everything that is no packet. `hello` carries two messages, told apart by `type`. */
export const messageSchemas: Readonly<Record<Exclude<TopicKind, "up" | "down">, Schema>> = {
  "up-receipt": receipt,
  "down-receipt": receipt,
  hello: {
    type: "object",
    required: ["type"],
    discriminator: { propertyName: "type" },
    oneOf: [hello, marks],
  },
  ask: message({
    from: side,
    id,
    op: { type: "string", pattern: "^[a-z][a-z0-9._-]{0,63}$" },
    args: anyObject,
    within: { type: "integer", minimum: 0, maximum: 3_600_000 },
  }),
  answer: message({ from: side, id, value: anyValue, error: object({ code: text(64), message: reason }) }, [
    "value",
    "error",
  ]),
  stream: message({
    execution: id,
    stream: { enum: ["stdout", "stderr"] },
    offset: count,
    text: text(128 * 1024),
  }),
  presence: message({
    state: { enum: ["online", "offline"] },
    incarnation: id,
    version: text(64),
    at,
  }),
};
