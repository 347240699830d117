/** The runner `node-script`: an action in TypeScript or JavaScript, run by the Node that runs the agent. */
import type { OwnCommand } from "../../../shared/runtime/own-programs-process.ts";
import type { Runner, RunnerSettings } from "./runner.ts";
import { followScript, runScript } from "./script-process.ts";

export interface NodeSettings extends RunnerSettings {
  /** What starts `node-action-main.ts`. */
  readonly node: OwnCommand;
}

export function nodeScriptRunner(settings: NodeSettings): Runner {
  const [command, ...args] = settings.node;
  const language = {
    command,
    args,
    env: {},
    reserved: ["NODE_OPTIONS"],
  };
  return {
    name: "node-script",
    mayPause: true,
    takeUp: (...taken) => followScript(settings, ...taken),
    run: (request, context) => runScript(() => language, settings, request, context),
  };
}
