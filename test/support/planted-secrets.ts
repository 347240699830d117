/** Secrets that tests plant and then look for, with a pack that takes them. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

/** Each kind has its own, so that a leak says what leaked. */
export const marker = (kind: string) => `Planted-${kind}-9f3c71`;

/** Those of `kinds` whose secret is in `text`. */
export const leaksIn = (text: string, kinds: readonly string[]) =>
  kinds.filter((kind) => text.includes(marker(kind)));

/** Folder of a pack `secretive` with these files; those with code may be run. */
export async function secretivePack(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(await tempFolder("packs"), "secretive");
  const all = {
    "pack.yaml": "name: secretive\ndescription: Has secrets.\nversion: 1.0.0\nauthor: test\n",
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text, { mode: 0o755 });
  }
  return folder;
}

/** A rule that runs `secretive.login` on the hub's host when webhook `planted` is called; `parameters` in YAML. */
export const plantedRule = (name: string, parameters: string) =>
  `name: ${name}\nenabled: true\ntrigger: {type: core.st2.webhook, parameters: {url: planted}}\naction: {ref: secretive.login, parameters: ${parameters}, target: hub}\n`;
