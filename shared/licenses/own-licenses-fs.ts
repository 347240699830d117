/** The licences of what this program runs with: a binary has them inside, in a checkout they are where npm put them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryContents } from "../runtime/binary-fs.ts";
import { ownFile } from "../runtime/own-files-fs.ts";
import { licensesAsset, type PackageLicense } from "./license.ts";
import { packageLicense } from "./package-license-fs.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** By name. */
export function ownLicenses(): readonly PackageLicense[] {
  if (binaryContents() !== null) {
    const list = ownFile(new URL(`../../${licensesAsset}`, import.meta.url)).toString("utf8");
    return JSON.parse(list) as readonly PackageLicense[];
  }
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const folders = Object.entries(lock.packages)
    .filter(([folder, { dev }]) => folder !== "" && dev !== true && existsSync(join(root, folder)))
    .map(([folder]) => packageLicense(join(root, folder)));
  return folders.sort((a, b) => (a.name < b.name ? -1 : 1));
}
