/** `npm run bench -- NAME …`: measures, and prints ratios; never a test. */
import { chain, chainUsage } from "./chain.ts";
import { overload, overloadUsage } from "./overload.ts";

const [name, ...args] = process.argv.slice(2);
if (name === "chain") {
  process.exitCode = await chain(args);
} else if (name === "overload") {
  process.exitCode = await overload(args);
} else {
  console.error(
    `usage: npm run bench -- chain ${chainUsage}\n       npm run bench -- overload ${overloadUsage}`,
  );
  process.exitCode = 2;
}
