/** A folder with files under a watch desk, and what was told of it in short lines. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "../../shared/json.ts";
import { tempFolder } from "./temp-folder.ts";
import { agentSide, type DeskOptions, openWatchDesk } from "./watch-desk.ts";

/** What a test compares: the paths relative to the watched folder. */
export function brief(told: readonly JsonObject[], root: string): readonly string[] {
  const relative = (path: unknown) => String(path).slice(root.length + 1) || ".";
  return told.map((one) => {
    const old = one.old_path === undefined ? "" : ` from ${relative(one.old_path)}`;
    const changed = (one.changed as string[] | undefined)?.length
      ? ` [${(one.changed as string[]).join(" ")}]`
      : "";
    const along = one.children === undefined ? "" : ` with ${String(one.children)}`;
    return `${String(one.status ?? one.trigger)} ${relative(one.path)}${old}${along}${changed}`;
  });
}

/** `root`: a folder to be watched other than a fresh one. */
export async function desk(
  files: Readonly<Record<string, string>> = {},
  config: JsonObject = {},
  { root: given, ...options }: DeskOptions & { readonly root?: string } = {},
) {
  const root = given ?? (await tempFolder("watched"));
  const state = await tempFolder("watch-state");
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const agent = agentSide();
  const { paths = [{ path: root }], ...rest } = config;
  const full = { paths, ...rest };
  const open = (more: DeskOptions = options) => openWatchDesk(state, full, agent, more);
  return { root, state, agent, open, at: (name: string) => join(root, name), watch: await open() };
}
