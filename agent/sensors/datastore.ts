/** Answers the datastore calls of sensors and actions: local names here, the others at the hub. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
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

/** `owner` is the `pack.ClassName` of who calls. Rejects with a PetrelError to be told to the author. */
export type Datastore = (owner: string, call: DatastoreMessage) => Promise<Json>;

export function createDatastore({ local, ask }: DatastoreOptions): Datastore {
  return async (owner, call) => {
    const problem = datastoreProblem(call);
    if (problem !== null) throw new PetrelError("KEY_INVALID", problem, { where: owner });
    if (call.local === false) return ask(...atHub(owner, call), hubPatienceMs);
    return atHome(await local.of(owner), call);
  };
}

async function atHome(values: LocalValues, call: DatastoreMessage): Promise<Json> {
  switch (call.op) {
    case "get_value":
      return values.get(call.name);
    case "set_value":
      if (call.encrypt === true) {
        throw new PetrelError("KEY_INVALID", `local value '${call.name}' cannot be encrypted`, {
          hint: "use local=False: the hub keeps secrets",
        });
      }
      await values.set(call.name, call.value, call.ttl ?? null);
      return true;
    case "delete_value":
      return values.delete(call.name);
    case "list_values":
      return values.list(call.prefix ?? "", call.limit ?? undefined, call.offset ?? undefined);
  }
}

/** The question to the hub and its arguments; `by` says on whose behalf. */
function atHub(by: string, call: DatastoreMessage): [string, JsonObject] {
  switch (call.op) {
    case "get_value":
      return ["datastore.get", { by, name: call.name, decrypt: call.decrypt ?? false }];
    case "set_value": {
      const { name, value, ttl = null, encrypt = false } = call;
      return ["datastore.set", { by, name, value, ttl, encrypt }];
    }
    case "delete_value":
      return ["datastore.delete", { by, name: call.name }];
    case "list_values": {
      const { prefix = null, limit = null, offset = null } = call;
      return ["datastore.list", { by, prefix, limit, offset }];
    }
  }
}
