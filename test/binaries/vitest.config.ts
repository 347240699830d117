/** What `npm run test:binaries` runs, of which main.ts names the files; not part of `npm test`, which needs no build. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/{binaries,integration,contract,fault}/**/*.test.ts"],
    // Of this machine, where nothing else is said.
    env: { PETREL_BINARIES: process.env.PETREL_BINARIES ?? `dist/linux-${process.arch}` },
    pool: "forks",
    isolate: false,
    maxWorkers: 3,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
