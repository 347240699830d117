/** `petrel licenses` */
import { withExample } from "../../../shared/cli/program-cli.ts";
import { licenseText } from "../../../shared/licenses/license.ts";
import { ownLicenses } from "../../../shared/licenses/own-licenses-fs.ts";
import { version } from "../../../shared/version.ts";
import type { NounCommands } from "../context-cli.ts";

export const licensesCommand: NounCommands = (noun, context) => {
  withExample(noun, "petrel licenses | less").action((_options: object, self) => {
    const packages = ownLicenses();
    return context.say(self, licenseText("petrel", version, packages).trimEnd(), { version, packages });
  });
};
