/** `npm run test:binaries`: what the binaries do as they lie in dist/; not part of `npm test`, which needs no build. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/binaries/**/*.test.ts"],
    pool: "forks",
    testTimeout: 180_000,
    // May build them first.
    hookTimeout: 900_000,
  },
});
