/** The runner `node-script`: an action in TypeScript or JavaScript, run by the Node that runs the agent. */
import type { Runner, RunnerSettings } from "./runner.ts";
import { runScript } from "./script-process.ts";

export interface NodeSettings extends RunnerSettings {
  /** How to start Node, e.g. `process.execPath`. */
  readonly nodeCommand: string;
  /** Absolute path of `node-action-main.ts`. */
  readonly nodeEntry: string;
}

/** A pack needs no package.json: Node finds out the kind of module by itself, and shall not warn about that. */
const quietly = ["--disable-warning=ExperimentalWarning", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"];

export function nodeScriptRunner(settings: NodeSettings): Runner {
  const language = {
    command: settings.nodeCommand,
    args: [...quietly, settings.nodeEntry],
    env: {},
    reserved: ["NODE_OPTIONS"],
  };
  return {
    name: "node-script",
    mayPause: true,
    run: (request, context) => runScript(() => language, settings, request, context),
  };
}
