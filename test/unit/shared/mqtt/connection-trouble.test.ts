import { expect, test } from "vitest";
import { PetrelError } from "../../../../shared/errors.ts";
import { connectionTrouble } from "../../../../shared/mqtt/connection-trouble.ts";

const failed = (code: unknown) => Object.assign(new Error("failed"), { code });

test.each([
  ["a connection that was closed", "the connection was closed", true, "BROKER_UNREACHABLE"],
  ["nobody there", failed("ECONNREFUSED"), true, "BROKER_UNREACHABLE"],
  ["an id that another one has", failed(2), false, "AGENT_CONFLICT"],
  ["another key", failed(4), true, "IDENTITY_KEY"],
  ["an unknown id", failed(5), true, "IDENTITY_UNKNOWN"],
  ["an unknown id where nobody has an identity", failed(5), false, "BROKER_UNREACHABLE"],
  ["a certificate that is over", failed("ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED"), true, "IDENTITY_CLOCK"],
  ["a certificate of an unknown CA", failed("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"), true, "IDENTITY_UNKNOWN"],
  ["a server of another fleet", new PetrelError("HUB_UNTRUSTED", "no"), true, "HUB_UNTRUSTED"],
])("%s", (_what, reason, tls, code) => {
  expect(connectionTrouble(reason, tls).code).toBe(code);
});
