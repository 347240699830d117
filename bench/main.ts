/** `npm run bench -- NAME …`: measures, and prints ratios; never a test. */
import { chain, chainUsage } from "./chain.ts";

const [name, ...args] = process.argv.slice(2);
if (name === "chain") {
  process.exitCode = await chain(args);
} else {
  console.error(`usage: npm run bench -- chain ${chainUsage}`);
  process.exitCode = 2;
}
