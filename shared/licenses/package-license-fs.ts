/** Reads the licence of one installed package. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { isObject, type JsonObject } from "../json.ts";
import type { PackageLicense } from "./license.ts";

const named = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** `folder`: where its package.json lies. What it has brought along of others has licences of its own in there. */
export function packageLicense(folder: string): PackageLicense {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { name, version, license } = isObject(manifest) ? manifest : ({} as JsonObject);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && named.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(folder, path).includes("node_modules/"))
    .sort();
  return {
    name: String(name),
    version: String(version),
    license: typeof license === "string" ? license : "UNKNOWN",
    texts: [...new Set(files.map((path) => readFileSync(path, "utf8")))],
  };
}
