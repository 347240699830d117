/** Every decoder, given some broken messages; `npm run fuzz` gives them millions. */
import { expect, test } from "vitest";
import { campaign } from "../../fuzz/campaign.ts";
import { decoders } from "../../fuzz/decoders.ts";

/** Beyond the real messages that each begins with. */
const mutated = 150;

test.for([...decoders])("%s", async ([, open]) => {
  const decoder = await open();
  const inputs = decoder.seeds.length + mutated;
  // No bound of time: a test is no measurement.
  const { faults } = await campaign(decoder, { seed: 1, inputs, boundMs: Number.POSITIVE_INFINITY });
  const shown = faults.map(
    ({ what, input }) => `${what}\n${Buffer.from(input).toString("latin1").slice(0, 300)}`,
  );
  expect(shown).toEqual([]);
});
