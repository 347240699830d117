/** The link over an external mosquitto, on real sockets. */
import { describe } from "vitest";
import { linkCases } from "../contract/link-cases.ts";
import { mosquittoNetwork } from "../support/broker-networks.ts";
import { mosquittoMissing } from "../support/mosquitto-process.ts";

const missing = await mosquittoMissing();

describe.skipIf(missing !== null)(`over mosquitto${missing === null ? "" : ` (SKIPPED: ${missing})`}`, () => {
  linkCases(mosquittoNetwork);
});
