/** What a binary begins with: a role that it starts itself in, or the command. */
import { version } from "../version.ts";
import { binaryContents } from "./binary-fs.ts";
import { rolePrefix, scheme } from "./contents.ts";
import { withoutForeign } from "./environment-process.ts";
import { findOwnModules, importModule } from "./modules-fs.ts";

const args = process.argv.slice(2);
const [first = ""] = args;
if (!first.startsWith(rolePrefix)) withoutForeign(args);

if (process.argv.length === 3 && first === "--version") {
  // Asked most of all, by scripts and by whoever upgrades: nothing else is loaded for it.
  process.stdout.write(`${version}\n`);
} else {
  const contents = binaryContents();
  if (contents === null) throw new Error("this file is the beginning of a binary");
  const role = first.startsWith(rolePrefix) ? contents.programs[first.slice(rolePrefix.length)] : undefined;
  if (role !== undefined) process.argv.splice(2, 1);
  findOwnModules();
  // A rejection ends the process as it does in a checkout.
  void importModule(`${scheme}/${role ?? contents.main}`);
}
