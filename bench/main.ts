/** `npm run bench -- NAME …`: measures, and prints ratios; never a test. */
import { actions, actionsUsage } from "./actions.ts";
import { chain, chainUsage } from "./chain.ts";
import { connections, connectionsUsage } from "./connections.ts";
import { floor, floorUsage } from "./floor.ts";
import { footprint, footprintUsage } from "./footprint.ts";
import { overload, overloadUsage } from "./overload.ts";
import { rules, rulesUsage } from "./rules.ts";
import { starts, startsUsage } from "./starts.ts";
import { touched, touchedUsage } from "./touched.ts";
import { watch, watchUsage } from "./watch/watch.ts";

const [name, ...args] = process.argv.slice(2);
if (name === "chain") {
  process.exitCode = await chain(args);
} else if (name === "floor") {
  process.exitCode = await floor(args);
} else if (name === "overload") {
  process.exitCode = await overload(args);
} else if (name === "connections") {
  process.exitCode = await connections(args);
} else if (name === "actions") {
  process.exitCode = await actions(args);
} else if (name === "starts") {
  process.exitCode = await starts(args);
} else if (name === "footprint") {
  process.exitCode = await footprint(args);
} else if (name === "rules") {
  process.exitCode = await rules(args);
} else if (name === "touched") {
  process.exitCode = await touched(args);
} else if (name === "watch") {
  process.exitCode = await watch(args);
} else {
  console.error(
    `usage: npm run bench -- chain ${chainUsage}\n       npm run bench -- floor ${floorUsage}\n       npm run bench -- overload ${overloadUsage}\n       npm run bench -- connections ${connectionsUsage}\n       npm run bench -- actions ${actionsUsage}\n       npm run bench -- starts ${startsUsage}\n       npm run bench -- footprint ${footprintUsage}\n       npm run bench -- rules ${rulesUsage}\n       npm run bench -- touched ${touchedUsage}\n       npm run bench -- watch ${watchUsage}`,
  );
  process.exitCode = 2;
}
