/** Reads how systemd starts a service, from its unit file and what is put on top of it. */
import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type UnitFacts, unitSettings } from "./unit.ts";

/** systemd.unit(5): earlier ones win. */
const places = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** `name`: with `.service`. `root`: the folder that the system's files are below, for tests. */
export async function unitFacts(name: string, root = ""): Promise<UnitFacts> {
  const hasSystemd = await isThere(`${root}/run/systemd/system`);
  for (const place of places) {
    const path = join(root, place, name);
    if (!(await isThere(path))) continue;
    const texts = [await readFile(path, "utf8")];
    for (const folder of places.map((each) => join(root, each, `${name}.d`))) {
      const names = (await readdir(folder).catch(() => [])).filter((each) => each.endsWith(".conf")).sort();
      for (const each of names) texts.push(await readFile(join(folder, each), "utf8"));
    }
    const wants = join(root, "/etc/systemd/system/multi-user.target.wants", name);
    return {
      name,
      hasSystemd,
      path,
      isEnabled: await isThere(wants),
      settings: unitSettings(texts.join("\n")),
    };
  }
  return { name, hasSystemd, path: null, isEnabled: false, settings: [] };
}
