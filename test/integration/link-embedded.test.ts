/** The link over the embedded broker, on real sockets. */
import { describe } from "vitest";
import { linkCases } from "../contract/link-cases.ts";
import { embeddedNetwork } from "../support/broker-networks.ts";

describe("over the embedded broker", () => {
  linkCases(embeddedNetwork);
});
