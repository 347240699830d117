/**
 * What is installed on the hosts of a fleet: real binaries and packages in three versions, built into a folder that is kept,
 * and versions that are no good.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { version as ownVersion } from "../../shared/version.ts";

const project = resolve(import.meta.dirname, "../..");
const parts =
  "agent bench bin docs hub packs scripts shared LICENSE README.md package.json package-lock.json".split(" ");
export const target = process.arch === "arm64" ? "linux-arm64" : "linux-x64";

/** On hosts where this file is, agents of the third version go to a hub that is nowhere. */
export const nowhere = "/srv/nowhere";
/**
 * From the first, which is that of the sources, to the newest: an agent of the third starts and never links on some hosts, and
 * has a unit of its own.
 */
export const versions = [ownVersion, "0.2.0", "0.3.0"] as const;
/** In agent/commands-cli.ts, and what it is in the third. */
const toItsHub = [
  "    hub: values.hub,\n",
  `    hub: process.getBuiltinModule("node:fs").existsSync("${nowhere}") ? "mqtts://192.0.2.1:1" : values.hub,\n`,
] as const;
/** In agent/install/unit.ts: what the third says of itself besides. */
const itsUnit = ["Description=Petrel agent\n", "Description=Petrel agent of nowhere\n"] as const;
/** Those that there are packages of. */
const packaged = versions.slice(0, 2);

export class Releases {
  readonly #dist: string;

  constructor(dist: string) {
    this.#dist = dist;
  }

  program(version: string, name: "petrel" | "petrel-agent"): string {
    return join(this.#dist, version, target, name);
  }

  package(version: string, file: string): string {
    return join(this.#dist, version, "packages", file);
  }

  /** Makes what is missing there: `npm run build:binaries` and `build:packages`, of copies of the sources with other versions. */
  build(work: string): void {
    for (const version of versions) {
      const out = join(this.#dist, version);
      const node = (script: string, ...words: readonly string[]) =>
        execFileSync(process.execPath, [script, "--target", target, ...words], { stdio: "inherit" });
      if (!existsSync(this.program(version, "petrel"))) {
        const sources =
          version === ownVersion ? project : sourcesAs(version, join(work, `sources-${version}`));
        node(join(sources, "scripts/binaries/main.ts"), "--out", out);
        if (sources !== project) rmSync(sources, { recursive: true });
      }
      if (packaged.includes(version) && !existsSync(this.package(version, "SHA256SUMS")))
        node(join(project, "scripts/packages/main.ts"), "--dist", out, "--version", version);
    }
  }
}

function sourcesAs(version: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of parts) cpSync(join(project, name), join(folder, name), { recursive: true });
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
  const cache = join(project, "dist/cache");
  if (existsSync(cache)) cpSync(cache, join(folder, "dist/cache"), { recursive: true });
  change(join(folder, "shared/version.ts"), `"${ownVersion}"`, `"${version}"`);
  if (version === versions[2]) {
    change(join(folder, "agent/commands-cli.ts"), ...toItsHub);
    change(join(folder, "agent/install/unit.ts"), ...itsUnit);
  }
  return folder;
}

function change(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  writeFileSync(file, text.replace(from, to));
}

/**
 * A file that says it is this version of a program that is `like`, with units of its own, and does `run` instead of running:
 * words of sh.
 */
export function badVersion(folder: string, like: string, version: string, run: string): string {
  const file = join(folder, `${basename(like)}-${version}`);
  mkdirSync(folder, { recursive: true });
  const said = (...words: readonly string[]) =>
    JSON.parse(execFileSync(like, words, { encoding: "utf8" })) as Record<string, string>;
  const says = JSON.stringify({ ...said("version", "--json"), version });
  const units = Object.entries(said("upgrade", "--units")).map(([name, text]) => [
    name,
    `# ${version}\n${text}`,
  ]);
  writeFileSync(
    file,
    `#!/bin/sh
case "$*" in
version*) echo '${says}' ;;
'upgrade --units')
cat <<'UNITS'
${JSON.stringify(Object.fromEntries(units))}
UNITS
;;
*) ${run} ;;
esac
`,
  );
  chmodSync(file, 0o755);
  return file;
}
