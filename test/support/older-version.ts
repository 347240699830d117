/**
 * An older version of this software, a real one out of this clone's history: `test/fixtures/older-version.json` says which
 * commit stands for it and why, PETREL_OLDER names another one.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkoutOf } from "./command-path.ts";
import { tempFolder } from "./temp-folder.ts";

const root = resolve(import.meta.dirname, "../..");
const pinned = JSON.parse(readFileSync(join(root, "test/fixtures/older-version.json"), "utf8")) as Record<
  "commit" | "name" | "why",
  string
>;
const commit = process.env.PETREL_OLDER || pinned.commit;
const git = (...args: readonly string[]) => spawnSync("git", ["-C", root, ...args], { maxBuffer: 1e9 });

/** What it calls itself while it is tested: no commit of the same version as this one would be seen to be older. */
export const olderName = pinned.name;

/** Why it cannot be had here; `null`: it can. */
export function olderIsMissing(): string | null {
  if (git("cat-file", "-e", `${commit}^{commit}`).status === 0) return null;
  return `this clone has no commit ${commit}: it is a shallow one, or none; git fetch --unshallow`;
}

/** Whether its tree has a file. */
export const olderHas = (path: string): boolean => git("cat-file", "-e", `${commit}:${path}`).status === 0;

/** The format of what its hub or agent keeps. */
export function olderFormat(side: "hub" | "agent"): number {
  const found = git("grep", "-hiE", "(agent)?storeFormat = [0-9]+", commit, "--", side).stdout.toString();
  return Number(/storeFormat = (\d+)/i.exec(found)?.[1]);
}

const runtime = ["agent", "bin", "hub", "packs", "shared", "package.json"];

/** Unpacks it into a folder of the test's, beside this checkout's dependencies; the environment that runs it. */
export async function olderCheckout(): Promise<Record<string, string>> {
  const folder = join(await tempFolder("older"), "petrel");
  mkdirSync(folder);
  const archive = git("archive", commit, ...runtime);
  const { status } = spawnSync("tar", ["-x", "-C", folder], { input: archive.stdout });
  if (archive.status !== 0 || status !== 0)
    throw new Error(`${commit} could not be unpacked: ${archive.stderr}`);
  const needs = dependencies(folder);
  const has = dependencies(root);
  const other = Object.keys(needs).filter((name) => needs[name] !== has[name]);
  if (other.length > 0)
    throw new Error(`${commit} needs other versions of ${other.join(", ")}: take another commit`);
  // One by one, so that what is compiled is cached in the test's folder, and goes with it.
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  writeFileSync(join(folder, "shared/version.ts"), `export const version = "${olderName}";\n`);
  return { [checkoutOf]: folder };
}

function dependencies(folder: string): Record<string, string> {
  return (
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { dependencies: Record<string, string> }
  ).dependencies;
}
