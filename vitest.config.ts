import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes half a minute and more, longest first: begun last, as a small file is, it would run alone in the end. */
const longest = [
  "fault/upgrade.test.ts",
  "fault/hostile-broker.test.ts",
  "fault/chaos.test.ts",
  "fault/agent-actions.test.ts",
  "fault/upgrade-units.test.ts",
  "fault/identity-hub-restored.test.ts",
  "fault/timers-killed.test.ts",
  "fault/fleet-upgrade.test.ts",
  "integration/chain/enrolment.test.ts",
  "integration/chain/agent-restarted.test.ts",
  "contract/sqlite-store.test.ts",
  "integration/chain/bad-start.test.ts",
  "integration/broker-traps.test.ts",
  "contract/python-actions.test.ts",
  "integration/chain/npm-start.test.ts",
  "integration/agent/watch/observers.test.ts",
  "integration/packs/virtualenv.test.ts",
  "integration/chain/throttle.test.ts",
  "unit/fuzz/decoders.test.ts",
  "unit/shared/expressions/hostile.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      return found === -1 ? longest.length : found;
    };
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return (await super.sort(files)).sort((a, b) => group(a) - group(b) || rank(a) - rank(b));
  }
}

/** Tests use real ports, folders and processes; forks keep their signals and exit codes apart. */
export default defineConfig({
  test: {
    pool: "forks",
    // Far more than any of them takes: a machine that has much else to do makes a test slow, not wrong.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
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
          maxWorkers: 6,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          // What a file shares is made in a hook.
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
