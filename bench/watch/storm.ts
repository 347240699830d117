/** A storm of changes by a process of its own, and which paths must be named by whoever watched. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Storm {
  readonly name: string;
  /** bash, run in the root; `$N` is how many. */
  readonly script: string;
  /** Relative paths that have to be named, once at least. */
  expected(count: number): readonly string[];
}

const numbered = (count: number, path: (n: number) => string) =>
  Array.from({ length: count }, (_, i) => path(i + 1));

export const storms: readonly Storm[] = [
  {
    name: "create",
    script: "mkdir a; for ((n = 1; n <= N; n++)); do echo $n > a/f$n; done",
    expected: (count) => ["a", ...numbered(count, (n) => `a/f${n}`)],
  },
  {
    name: "modify",
    script: "for ((n = 1; n <= N; n++)); do echo more >> a/f$n; done",
    expected: (count) => numbered(count, (n) => `a/f${n}`),
  },
  {
    name: "rename",
    script: `node -e 'for (let n = 1; n <= +process.env.N; n++) fs.renameSync("a/f" + n, "a/g" + n)'`,
    expected: (count) => numbered(count, (n) => `a/g${n}`),
  },
  {
    name: "atomic save",
    script: `node -e 'for (let n = 1; n <= +process.env.N; n++) { fs.writeFileSync("a/.t", "saved " + n); fs.renameSync("a/.t", "a/g" + n) }'`,
    expected: (count) => numbered(count, (n) => `a/g${n}`),
  },
  {
    name: "new folders",
    script: "for ((n = 1; n <= 500; n++)); do mkdir -p r/$n/b/c/d && touch r/$n/b/c/d/leaf; done",
    expected: () =>
      numbered(500, (n) => `r/${n}`).flatMap((top) => [
        top,
        ...["b", "b/c", "b/c/d", "b/c/d/leaf"].map((path) => `${top}/${path}`),
      ]),
  },
  {
    name: "delete",
    script: "rm -r a r",
    expected: (count) => [
      "a",
      ...numbered(count, (n) => `a/g${n}`),
      "r",
      ...numbered(500, (n) => `r/${n}/b/c/d/leaf`),
    ],
  },
];

/** Resolves when it is over, with `performance.now()` of that. */
export async function blow({ script }: Storm, root: string, count: number): Promise<number> {
  const shell = spawn("bash", ["--norc", "-c", script], {
    cwd: root,
    env: { PATH: `${join(process.execPath, "..")}:${process.env.PATH}`, N: String(count) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = await once(shell, "exit");
  if (code !== 0) throw new Error(`the storm ended with code ${code}`);
  return performance.now();
}
