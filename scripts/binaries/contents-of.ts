/** What goes into each binary. */
import { builtIn } from "../../hub/packs/built-in.ts";

export interface BinaryPlan {
  readonly name: "petrel" | "petrel-agent";
  readonly main: string;
  /** Programs that run as processes of their own, by role. */
  readonly programs: Readonly<Record<string, string>>;
  /** Programs of threads, and modules that packs import. */
  readonly modules: readonly string[];
  /** Folders and files that are in it as they are. */
  readonly files: readonly string[];
  /** Packs, with what of them makes a pack. */
  readonly packs: readonly string[];
  /** Native add-ons. */
  readonly addons: readonly ("classic-level" | "koffi")[];
  /** Flags of V8, the same in all roles. */
  readonly v8: readonly string[];
  /** What must not be in it: beginnings of paths of sources. */
  readonly without: readonly string[];
}

const agentPrograms = {
  sensor: "agent/sensors/node-sensor-main.ts",
  action: "agent/actions/runners/node-action-main.ts",
  strip: "shared/runtime/strip-main.ts",
};
const agentModules = ["agent/watch/file-watch-main.ts", "agent/watch/reading/reader-main.ts"];

/** The hub's has the agent, too: `petrel hub --with-agent` starts it. */
export const plans: readonly BinaryPlan[] = [
  {
    name: "petrel",
    main: "hub/cli/petrel-cli.ts",
    programs: {
      agent: "agent/agent-cli.ts",
      ...agentPrograms,
      test: "hub/cli/pack/node-suite-main.ts",
    },
    modules: [...agentModules, "shared/rules/slow-regex-main.ts"],
    files: ["agent/python", "hub/http/openapi.yaml", "packs/skeletons"],
    packs: builtIn.map(({ name }) => `packs/${name}`),
    addons: ["classic-level", "koffi"],
    v8: [],
    without: [],
  },
  {
    name: "petrel-agent",
    main: "agent/agent-cli.ts",
    programs: agentPrograms,
    modules: agentModules,
    files: ["agent/python"],
    packs: [],
    addons: ["classic-level", "koffi"],
    v8: ["--max-semi-space-size=1"],
    without: ["hub/", "packs/", "node_modules/fastify/", "node_modules/aedes/"],
  },
];

export const targets = ["linux-x64", "linux-arm64"] as const;
export type Target = (typeof targets)[number];
