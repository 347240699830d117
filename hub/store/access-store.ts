/** Keys of the HTTP API, and the requests that were noted. */
import { encodeTime } from "../../shared/ids.ts";
import type { ApiKeyRecord, ApiRequestRecord } from "../../shared/model/api-key.ts";
import { keys, within } from "./keys.ts";
import { listPage } from "./page-store.ts";
import type { AccessStore, ApiRequestFilter } from "./port/access.ts";
import type { RecordWriter, Rows } from "./records.ts";

interface AccessParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
}

const requests = "zr/";
/** Rows of requests whose number is capped together: those of known keys, and those of which there may be many. */
const kinds = { few: "zf/", many: "zm/" } as const;

export function createAccessStore({ database: { level }, writer }: AccessParts): AccessStore {
  return {
    apiKeys: async () =>
      (await level.values(within("z/")).all()).map((text) => JSON.parse(text) as ApiKeyRecord),

    putApiKey: (key, expectRev) =>
      writer.submit({
        source: "",
        reads: [keys.apiKey(key.id)],
        plan: (draft) => {
          const before = draft.get<ApiKeyRecord>(keys.apiKey(key.id));
          if ((before?.rev ?? null) !== expectRev) return false;
          draft.put(keys.apiKey(key.id), key);
          draft.change({ type: "api-key", id: key.id, key });
          return true;
        },
      }),

    removeApiKey: (id) =>
      writer.submit({
        source: "",
        reads: [keys.apiKey(id)],
        plan: (draft) => {
          if (draft.get<ApiKeyRecord>(keys.apiKey(id)) === null) return false;
          draft.remove(keys.apiKey(id));
          draft.change({ type: "api-key", id, key: null });
          return true;
        },
      }),

    noteApiRequest: (request, isPlenty) =>
      writer.submit({
        source: "~requests",
        reads: [],
        plan: (draft) => {
          draft.put(keys.apiRequest(request.id), request);
          draft.row((isPlenty ? kinds.many : kinds.few) + request.id);
        },
      }),

    apiRequests: (filter, page) =>
      listPage<ApiRequestRecord>(
        level,
        {
          prefix: requests,
          isPrimary: true,
          load: (ids) => writer.readMany<ApiRequestRecord>(ids.map(keys.apiRequest)),
          placeOfTime: encodeTime,
          keep: (request) => fits(filter, request),
        },
        page,
      ),
  };
}

const equalFields = ["user", "key", "address", "noun", "verb", "ref"] as const;

function fits(filter: ApiRequestFilter, request: ApiRequestRecord): boolean {
  if (filter.refused === true && request.code === null) return false;
  return equalFields.every((field) => filter[field] === undefined || filter[field] === request[field]);
}

/** Removes requests from before `before` (ms) and the oldest of those beyond `most` of each kind. */
export async function purgeApiRequests(
  { database: { level }, writer }: AccessParts,
  { before, most, batch }: { readonly before: number; readonly most: number; readonly batch: number },
): Promise<void> {
  for (const kind of Object.values(kinds)) {
    for (;;) {
      const held = await level.keys({ ...within(kind), limit: most + batch }).all();
      const excess = held.length - most;
      const old = held
        .slice(0, batch)
        .filter((row, index) => index < excess || row < `${kind}${encodeTime(before)}`);
      if (old.length > 0) {
        await writer.submit({
          source: "~retention",
          weight: 8,
          plan: (draft) => {
            for (const row of old) {
              draft.remove(keys.apiRequest(row.slice(kind.length)));
              draft.dropRow(row);
            }
          },
        });
      }
      if (old.length < batch) break;
    }
  }
}
