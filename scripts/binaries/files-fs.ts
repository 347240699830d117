/** The files of a binary that are in it as they are: what is read, what is unpacked, and its table of contents. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import type { BinaryContents, PackedFile } from "../../shared/runtime/contents.ts";
import { version } from "../../shared/version.ts";
import type { BinaryPlan, Target } from "./contents-of.ts";

/** By path in the binary. */
export type Files = ReadonlyMap<string, { readonly mode: number; readonly content: Uint8Array }>;

/** As git keeps it, whatever umask the sources were checked out with. */
const plainMode = (mode: number) => ((mode & 0o100) === 0 ? 0o644 : 0o755);

/** `more`: what comes from elsewhere, by path. */
export async function filesOf(
  root: string,
  plan: BinaryPlan,
  more: ReadonlyMap<string, Uint8Array>,
): Promise<Files> {
  const files = new Map<string, { mode: number; content: Uint8Array }>();
  for (const path of plan.files.flatMap((each) => below(root, each)))
    files.set(path, {
      mode: plainMode(statSync(join(root, path)).mode),
      content: readFileSync(join(root, path)),
    });
  for (const pack of plan.packs)
    for (const { path, mode, content } of await readPackFolder(join(root, pack)))
      files.set(join(pack, path), { mode: plainMode(mode), content });
  for (const [path, content] of more) files.set(path, { mode: 0o644, content });
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function below(root: string, path: string): readonly string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.pyc$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

export function contentsOf(plan: BinaryPlan, target: Target, files: Files): BinaryContents {
  const table = Object.fromEntries(
    [...files].map(([path, { mode, content }]): [string, PackedFile] => {
      const sha256 = createHash("sha256").update(content).digest("hex");
      return [path, { mode, size: content.length, sha256 }];
    }),
  );
  const id = createHash("sha256").update(JSON.stringify(table)).digest("hex").slice(0, 16);
  return { id, version, target, main: plan.main, programs: plan.programs, files: table };
}
