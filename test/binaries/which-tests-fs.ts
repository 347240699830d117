/** Which tests are run against the binaries: by what they import, not by a list. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

export interface Choice {
  /** From the project's root. */
  readonly path: string;
  /** Why it is not run; `null`: it is. */
  readonly reason: string | null;
}

/** Those of the suite that start processes, or may. */
const suites = ["test/integration", "test/contract", "test/fault"];
/** Says which commands tests start: whoever reaches it starts hub, agent or command line by it. */
const starts = "test/support/command-path.ts";
/** A test that starts commands, but those of a checkout, says so in its head, with the reason. */
const exception = /^ \* Not with the binaries: (.+?)\.?$/m;

/** Sorted by path. A test that starts no process of ours is not among them: nothing of it is in a binary. */
export function choices(root: string): readonly Choice[] {
  const texts = new Map<string, string>();
  const text = (path: string): string => {
    const known = texts.get(path) ?? readFileSync(join(root, path), "utf8");
    texts.set(path, known);
    return known;
  };
  return suites
    .flatMap((suite) => testsBelow(root, suite))
    .sort()
    .flatMap((path): readonly Choice[] => {
      const files = reached(path, text);
      if (files.has(starts)) return [{ path, reason: exception.exec(text(path))?.[1] ?? null }];
      const programs = new Set([...files].flatMap((file) => programsIn(text(file))));
      return programs.size === 0
        ? []
        : [{ path, reason: `starts ${[...programs].sort().join(", ")}: a test's own, made of modules` }];
    });
}

function testsBelow(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** All files of test/ that a file imports, itself among them. */
function reached(path: string, text: (path: string) => string): ReadonlySet<string> {
  const found = new Set([path]);
  for (const file of found)
    for (const [, specifier = ""] of text(file).matchAll(
      /^(?:import|export|\} from)\b[^"]*"(\.[^"]+\.ts)"/gm,
    )) {
      const to = normalize(join(dirname(file), specifier));
      if (to.startsWith("test/")) found.add(to);
    }
  return found;
}

function programsIn(text: string): readonly string[] {
  return [...text.matchAll(/fixtures\/programs\/([\w-]+\.m?[tj]s)/g)].map(([, name = ""]) => name);
}
