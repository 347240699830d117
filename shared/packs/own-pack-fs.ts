/** The files of a pack that comes with the program. */
import { fileURLToPath } from "node:url";
import { ownFiles } from "../runtime/own-files-fs.ts";
import type { PackFile } from "./pack-file.ts";
import { readPackFolder } from "./read-pack-fs.ts";

/** What `readPackFolder` says of it; into a binary the build puts just that. */
export async function ownPack(folder: URL): Promise<readonly PackFile[]> {
  return folder.protocol === "file:" ? readPackFolder(fileURLToPath(folder)) : ownFiles(folder);
}
