/** Changes of files: finding them by path, and what people have acknowledged. */
import type { ChangeWindow } from "../../shared/model/change-window.ts";
import {
  changedPaths,
  type FileAck,
  type FileChange,
  fileChangedTrigger,
  isFileChange,
} from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { Draft } from "./draft.ts";
import { type Family, familyOf } from "./history-record.ts";
import { indexes } from "./index-rows.ts";
import { keys, time, within } from "./keys.ts";
import { listPage } from "./page-store.ts";
import type { FileChangeFilter, FileStore } from "./port/files.ts";
import type { RecordWriter, Rows } from "./records.ts";

export function createFileStore({
  database: { level },
  writer,
}: {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
}): FileStore {
  const load = async (places: readonly string[]): Promise<(FileChange | null)[]> => {
    const instances = await writer.readMany<TriggerInstance>(places.map(keys.instance));
    const acks = await writer.readMany<FileAck>(instances.map((instance) => keys.ack(instance?.id ?? "")));
    return instances.map((instance, index) =>
      instance === null ? null : { instance, ack: acks[index] ?? null },
    );
  };

  return {
    async fileChange(id) {
      const place = (await writer.read<Family>(keys.family(id)))?.place ?? null;
      const [change = null] = place === null ? [] : await load([place]);
      return change !== null && isFileChange(change.instance) ? change : null;
    },

    fileChanges: (filter, page) =>
      listPage(
        level,
        {
          prefix: prefixOf(filter),
          isPrimary: false,
          load,
          placeOfTime: time,
          keep: (change) => fits(filter, change),
        },
        page,
      ),

    acknowledge: (acks) =>
      writer.submit({
        source: "",
        weight: acks.length,
        reads: acks.flatMap(({ change }) => [keys.family(change), keys.ack(change)]),
        plan: (draft) => acknowledgeAll(draft, acks),
      }),

    changeWindows: async () =>
      (await level.values(within("w/")).all()).map((text) => JSON.parse(text) as ChangeWindow),

    putChangeWindow: (window, expectRev) =>
      writer.submit({
        source: "",
        reads: [keys.window(window.id)],
        plan: (draft) => {
          const before = draft.get<ChangeWindow>(keys.window(window.id));
          if ((before?.rev ?? null) !== expectRev) return false;
          draft.put(keys.window(window.id), window);
          draft.change({ type: "window", id: window.id, window });
          return true;
        },
      }),
  };
}

/** The narrowest index for this question. */
function prefixOf({ agent, path, unacknowledged }: FileChangeFilter): string {
  if (agent !== undefined && path !== undefined) return indexes.fileChanges(agent, path);
  if (unacknowledged === true) return indexes.unacknowledged();
  return agent === undefined
    ? indexes.instancesByTrigger(fileChangedTrigger)
    : indexes.instancesByAgent(agent);
}

function fits({ agent, path, unacknowledged, fits: also }: FileChangeFilter, change: FileChange): boolean {
  const { instance, ack } = change;
  if (!isFileChange(instance)) return false;
  if (agent !== undefined && instance.origin.agent !== agent) return false;
  if (path !== undefined && !changedPaths(instance).includes(path)) return false;
  if (unacknowledged === true && ack !== null) return false;
  return also === undefined || also(change);
}

function acknowledgeAll(draft: Draft, acks: readonly FileAck[]): readonly FileAck[] | string {
  draft.need(acks.map(({ change }) => keys.family(change)));
  const places = acks.map(({ change }) => familyOf(draft, change).place);
  draft.need(places.flatMap((place) => (place === null ? [] : [keys.instance(place)])));
  const held: FileAck[] = [];
  for (const [index, ack] of acks.entries()) {
    const place = places[index] ?? null;
    const instance = place === null ? null : draft.get<TriggerInstance>(keys.instance(place));
    if (place === null || instance === null || !isFileChange(instance)) return draft.refuse(ack.change);
    const before = draft.get<FileAck>(keys.ack(ack.change));
    held.push(before ?? ack);
    if (before !== null) continue;
    draft.put(keys.ack(ack.change), ack);
    draft.dropRow(indexes.unacknowledged() + place);
  }
  return held;
}
