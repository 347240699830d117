/** What a thread of a binary begins with: its last argument names its program. */
import { findOwnModules, importModule } from "./modules-fs.ts";

const program = process.argv.pop();
if (program === undefined) throw new Error("a thread needs a program");
findOwnModules();
void importModule(program);
