/** Strips the types of the source on standard input; fails where there is more to it than types. */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

process.stdout.write(stripTypeScriptTypes(readFileSync(0, "utf8")));
