/** The link over a network in memory. */
import { describe } from "vitest";
import { testFleet } from "../support/link-identities.ts";
import { memoryNetwork } from "../support/link-network.ts";
import { linkCases } from "./link-cases.ts";

describe("in memory", () => {
  linkCases(async () => memoryNetwork());
});
describe("in memory, authenticated", () => {
  linkCases(
    async () => memoryNetwork(),
    () => testFleet(),
  );
});
