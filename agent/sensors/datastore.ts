/** Answers the datastore calls of sensors and actions: local names here, the others at the hub. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { sealedParts } from "../../shared/sealed-text.ts";
import type { LocalValues } from "./local-values-store.ts";
import type { DatastoreMessage } from "./messages.ts";
import { datastoreProblem } from "./protocol.ts";

/** Milliseconds; the hub answers from its disk. */
const hubPatienceMs = 10_000;

export interface DatastoreOptions {
  readonly local: { of(owner: string): Promise<LocalValues> };
  /** Asks the hub; rejects with ASK_TIMEOUT while it is away. */
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
}

/**
 * `owner` is the `pack.ClassName` of who calls, `execution` the run in which it does. Rejects with a PetrelError to be
 * told to the author.
 */
export type Datastore = (owner: string, call: DatastoreMessage, execution?: string) => Promise<Json>;

export function createDatastore({ local, ask }: DatastoreOptions): Datastore {
  return async (owner, call, execution) => {
    const problem = datastoreProblem(call);
    if (problem !== null) throw new PetrelError("KEY_INVALID", problem, { where: owner });
    const by = { by: owner, ...(execution !== undefined && { execution }) };
    if (call.local === false) return ask(...atHub(by, call), hubPatienceMs);
    return atHome(await local.of(owner), call, (op, args) => ask(op, { ...by, ...args }, hubPatienceMs));
  };
}

/** Local secrets stay here, but only the hub has the key: it seals and opens them. */
async function atHome(
  values: LocalValues,
  call: DatastoreMessage,
  askHub: (op: string, args: JsonObject) => Promise<Json>,
): Promise<Json> {
  switch (call.op) {
    case "get_value": {
      const value = await values.get(call.name);
      if (value === null || call.decrypt !== true || sealedParts(value) === null) return value;
      return askHub("datastore.unseal", { sealed: value });
    }
    case "set_value": {
      const { name, value, ttl = null, encrypt } = call;
      const kept = encrypt === true ? await askHub("datastore.seal", { value }) : value;
      // Whatever a hub answers: nothing but a text can be kept, and no secret in plain.
      if (typeof kept !== "string" || (encrypt === true && sealedParts(kept) === null)) {
        throw new PetrelError("WIRE_PACKET", "the hub did not encrypt the value", { where: name });
      }
      await values.set(name, kept, ttl);
      return true;
    }
    case "delete_value":
      return values.delete(call.name);
    case "list_values":
      return (await values.list(call.prefix ?? "", call.limit ?? undefined, call.offset ?? undefined)).map(
        ({ name, value }) => ({ name, value, ...(sealedParts(value) !== null && { secret: true }) }),
      );
  }
}

/** The question to the hub and its arguments; `by` says on whose behalf. */
function atHub(by: JsonObject, call: DatastoreMessage): [string, JsonObject] {
  switch (call.op) {
    case "get_value":
      return ["datastore.get", { ...by, name: call.name, decrypt: call.decrypt ?? false }];
    case "set_value": {
      const { name, value, ttl = null, encrypt = false } = call;
      return ["datastore.set", { ...by, name, value, ttl, encrypt }];
    }
    case "delete_value":
      return ["datastore.delete", { ...by, name: call.name }];
    case "list_values": {
      const { prefix = null, limit = null, offset = null } = call;
      return ["datastore.list", { ...by, prefix, limit, offset }];
    }
  }
}
