/** Answers what sensors and actions ask of the shared datastore (st2 docs, Datastore). */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { KeyBook } from "./key-book.ts";

const maxNameLength = 512;
const maxListed = 1_000;
/** Characters of names and values in one answer: it has to fit a packet, whatever they are. */
const maxListLength = 64 * 1024;
/** Characters of a value: an answer has to fit a packet. */
const maxValueLength = 64 * 1024;

export function datastoreResponders(keys: KeyBook): Readonly<Record<string, Responder>> {
  return {
    "datastore.get": async (args) => keys.get(nameOf(args)),
    "datastore.set": async (args) => {
      if (args.encrypt === true) {
        throw new PetrelError("KEY_INVALID", "this hub keeps no encrypted values yet", {
          where: nameOf(args),
        });
      }
      await keys.set(nameOf(args), textOf(args), ttlOf(args));
      return true;
    },
    "datastore.delete": async (args) => keys.delete(nameOf(args)),
    "datastore.list": async (args): Promise<Json> => {
      const prefix = typeof args.prefix === "string" ? args.prefix : "";
      const limit = typeof args.limit === "number" && args.limit > 0 ? Math.min(args.limit, maxListed) : 100;
      const offset = typeof args.offset === "number" && args.offset > 0 ? args.offset : 0;
      const page = keys.list(prefix, offset, limit).map(({ name, value }) => ({ name, value }));
      const length = page.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
      if (length > maxListLength && page.length > 1) {
        throw new PetrelError(
          "KEY_LIMIT",
          `${page.length} keys with their values have ${length} characters`,
          {
            hint: "ask for fewer at once, by `limit` and `offset`",
          },
        );
      }
      return page;
    },
  };
}

function nameOf(args: JsonObject): string {
  const { name } = args;
  const isName =
    typeof name === "string" && name !== "" && name.length <= maxNameLength && name.isWellFormed();
  if (isName) return name;
  throw new PetrelError("KEY_INVALID", "a datastore key is a text of 1 to 512 characters");
}

function textOf(args: JsonObject): string {
  const { value } = args;
  if (typeof value === "string" && value.length <= maxValueLength) return value;
  throw new PetrelError(
    "KEY_INVALID",
    `a datastore value is a text of at most ${maxValueLength} characters`,
    { where: nameOf(args) },
  );
}

function ttlOf(args: JsonObject): number | null {
  return typeof args.ttl === "number" && args.ttl > 0 ? args.ttl : null;
}
