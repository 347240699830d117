/** Answers what sensors and actions of one agent ask of the shared datastore (st2 docs, Datastore). */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { lineageOf } from "../rules/lineage.ts";
import { checkedAddress } from "./key-address.ts";
import type { KeyBook } from "./key-book.ts";

const maxListed = 1_000;
/** Characters of names and values in one answer: it has to fit a packet, whatever they are. */
const maxListLength = 64 * 1024;
/** Characters of a value: an answer has to fit a packet. */
export const maxValueLength = 64 * 1024;

export interface KeyAnswersOptions {
  readonly keys: KeyBook;
  readonly agent: string;
  /** The execution that asks; `null` when it is not known. */
  readonly execution: (id: string) => Promise<Pick<Execution, "agent" | "lineage" | "rule"> | null>;
}

export function datastoreResponders({
  keys,
  agent,
  execution,
}: KeyAnswersOptions): Readonly<Record<string, Responder>> {
  /** So that the loop guard knows which rules led to this write. An agent can only speak of what it runs itself. */
  const lineageBehind = async ({ execution: id }: JsonObject): Promise<readonly string[]> => {
    const asking = typeof id === "string" ? await execution(id) : null;
    return asking === null || asking.agent !== agent ? [] : lineageOf(asking);
  };
  return {
    "datastore.get": async (args) => {
      const key = keys.find("system", nameOf(args));
      if (key === null) return null;
      return key.secret && args.decrypt === true ? keys.unseal(key.value) : key.value;
    },
    "datastore.set": async (args) => {
      await keys.set("system", nameOf(args), {
        value: textOf(args),
        ttlSeconds: ttlOf(args),
        secret: args.encrypt === true,
        lineage: await lineageBehind(args),
      });
      return true;
    },
    "datastore.delete": async (args) =>
      keys.delete("system", nameOf(args), { lineage: await lineageBehind(args) }),
    "datastore.list": async (args): Promise<Json> => page(keys, args),
    // Values that stay with the agent: it keeps them sealed, and this hub opens them.
    "datastore.seal": async (args) => keys.seal(textOf(args)),
    "datastore.unseal": async (args) => keys.unseal(typeof args.sealed === "string" ? args.sealed : ""),
  };
}

function page(keys: KeyBook, args: JsonObject): Json {
  const prefix = typeof args.prefix === "string" ? args.prefix : "";
  const limit = typeof args.limit === "number" && args.limit > 0 ? Math.min(args.limit, maxListed) : 100;
  const offset = typeof args.offset === "number" && args.offset > 0 ? args.offset : 0;
  const rows: { readonly name: string; readonly value: string; readonly secret?: true }[] = [];
  let skip = offset;
  for (const [name, { value, secret }] of keys.walk("system", prefix)) {
    if (rows.length >= limit) break;
    if (skip-- <= 0) rows.push({ name, value, ...(secret && { secret }) });
  }
  const length = rows.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  if (length <= maxListLength || rows.length <= 1) return rows;
  throw new PetrelError("KEY_LIMIT", `${rows.length} keys with their values have ${length} characters`, {
    hint: "ask for fewer at once, by `limit` and `offset`",
  });
}

function nameOf({ name }: JsonObject): string {
  return checkedAddress("system", null, typeof name === "string" ? name : "").name;
}

function textOf(args: JsonObject): string {
  const { value, name } = args;
  if (typeof value === "string" && value.length <= maxValueLength) return value;
  throw new PetrelError(
    "KEY_INVALID",
    `a datastore value is a text of at most ${maxValueLength} characters`,
    typeof name === "string" ? { where: name.slice(0, 512) } : {},
  );
}

function ttlOf(args: JsonObject): number | null {
  return typeof args.ttl === "number" && args.ttl > 0 ? args.ttl : null;
}
