/** The link over a network in memory. */
import { describe } from "vitest";
import { memoryNetwork } from "../support/link-network.ts";
import { linkCases } from "./link-cases.ts";

describe("in memory", () => {
  linkCases(async () => memoryNetwork());
});
