/** `petrel restore BACKUP`: makes a hub's data folder of a backup, while no hub runs on it. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { ulidSource } from "../../../shared/ids.ts";
import { systemClock, systemRandom } from "../../../shared/system-process.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { hubFolder } from "../hub-address-fs.ts";

async function restore(
  context: CliContext,
  backup: string,
  { force = false }: { readonly force?: boolean },
  self: Command,
): Promise<void> {
  const { io } = context;
  const data = hubFolder(context.globals(self).data ?? io.env.PETREL_DATA, io.cwd);
  const { restoreBackup } = await import("../../backup/restore-store.ts");
  const { manifest, aside } = await restoreBackup({
    backup: resolve(io.cwd, backup),
    data,
    force,
    now: () => systemClock.now(),
    newId: ulidSource(systemClock, systemRandom),
  });
  const before = aside === null ? "" : `; what was there before is in ${aside}`;
  await context.say(
    self,
    `restored ${manifest.records} records of ${manifest.made_at} into ${data}${before}`,
    { data, aside, manifest },
  );
}

export const restoreCommand: NounCommands = (noun, context) => {
  withExample(
    noun
      .argument("<backup>", "a folder that `petrel backup` has made")
      .option("--force", "move a database that is there aside"),
    "petrel restore /var/backups/petrel/2026-11-22 --data /var/lib/petrel",
  ).action((backup: string, options: { readonly force?: boolean }, self: Command) =>
    restore(context, backup, options, self),
  );
};
