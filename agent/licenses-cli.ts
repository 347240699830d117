/** `petrel-agent licenses` */
import type { CliIo } from "../shared/cli/cli-io.ts";
import { licenseText } from "../shared/licenses/license.ts";
import { ownLicenses } from "../shared/licenses/own-licenses-fs.ts";
import { version } from "../shared/version.ts";

export function printLicenses(io: CliIo, json: boolean): Promise<void> {
  const packages = ownLicenses();
  return io.out(
    json
      ? `${JSON.stringify({ version, packages }, null, 2)}\n`
      : licenseText("petrel-agent", version, packages),
  );
}
