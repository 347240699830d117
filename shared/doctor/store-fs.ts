/** Whether a LevelDB folder opens and in which format it is, while nobody else has it open. */
import { ClassicLevel } from "classic-level";
import { incarnationKey, openingError } from "../storage/database-store.ts";
import { formatKey } from "../storage/migrate-store.ts";
import { errorFound, type Found, fault, note, ok } from "./finding.ts";
import { sizeText } from "./host-checks.ts";
import { fileFacts, folderBytes } from "./host-fs.ts";

export interface StoreLook {
  readonly folder: string;
  /** The newest format that this software reads. */
  readonly format: number;
  /** It reads older ones too, and brings them up to date. */
  readonly migrates: boolean;
  /** Of the caller. */
  readonly uid: number;
}

/**
 * Opens it as a start would, and closes it: LevelDB recovers its log then, and nothing of ours is written. Not for a
 * folder of another user, whose process could not read what this one would leave.
 */
export async function storeFound({ folder, format, migrates, uid }: StoreLook): Promise<readonly Found[]> {
  const facts = await fileFacts(folder);
  if (facts === null) return [note("there is no database yet: the first start makes it", folder)];
  if (facts.uid !== uid) {
    return [note(`not opened: it belongs to uid ${facts.uid}`, folder, "run the doctor as that user")];
  }
  const level = new ClassicLevel<string, string>(folder, { createIfMissing: false });
  try {
    await level.open();
  } catch (error) {
    return [errorFound(openingError(folder, error), folder, "restore a backup, or move the folder away")];
  }
  try {
    const [found, known] = await level.getMany([formatKey, incarnationKey]);
    if (found === undefined || known === undefined) {
      return [note("it opens, and is empty: the next start makes it ready", folder)];
    }
    const size = sizeText((await folderBytes(folder)) ?? 0);
    const older = Number(found) < format;
    if (Number(found) > format || (older && !migrates)) {
      return [
        fault(
          `it has format ${found}, this version reads ${format}`,
          folder,
          "run the newer version again, or restore a backup of this one",
        ),
      ];
    }
    return [
      ok(
        `it opens: format ${found}${older ? `, which becomes ${format} at the next start` : ""}, ${size}`,
        folder,
      ),
    ];
  } finally {
    await level.close();
  }
}
