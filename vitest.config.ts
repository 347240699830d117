import { defineConfig } from "vitest/config";

/** Tests use real ports, folders and processes; forks keep their signals and exit codes apart. */
export default defineConfig({
  test: {
    pool: "forks",
    // Far more than any of them takes: a machine that has much else to do makes a test slow, not wrong.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/*.test.ts", "test/conformance/**/*.test.ts"],
          // Pure for the most part: loading what they share once per worker is half of their time.
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/contract/**/*.test.ts"],
          // Files end what they start: loading what they share anew for each costs a third of their time.
          isolate: false,
          // They wait about as much as they compute: for processes to start, for what has been told to arrive.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: "fault",
          include: ["test/fault/**/*.test.ts"],
          isolate: false,
          // These wait more than they compute: for back-off, for processes to end. The rest has run before them.
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          // What a file shares is made in a hook.
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
