/** `npm run bench -- NAME …`: measures, and prints ratios; never a test. */
import { chain, chainUsage } from "./chain.ts";
import { connections, connectionsUsage } from "./connections.ts";
import { overload, overloadUsage } from "./overload.ts";

const [name, ...args] = process.argv.slice(2);
if (name === "chain") {
  process.exitCode = await chain(args);
} else if (name === "overload") {
  process.exitCode = await overload(args);
} else if (name === "connections") {
  process.exitCode = await connections(args);
} else {
  console.error(
    `usage: npm run bench -- chain ${chainUsage}\n       npm run bench -- overload ${overloadUsage}\n       npm run bench -- connections ${connectionsUsage}`,
  );
  process.exitCode = 2;
}
