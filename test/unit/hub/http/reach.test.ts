import { expect, test } from "vitest";
import { requireHttpReach } from "../../../../hub/http/reach.ts";

const refused = (host: string, over: object = {}) => {
  const reach = { listen: { host, port: 7480 }, dev: false, hasTls: false, insecure: false, ...over };
  try {
    requireHttpReach(reach);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each(["127.0.0.1", "::1", "localhost"])("%s needs nothing", (host) => {
  expect(refused(host)).toBe(null);
  expect(refused(host, { dev: true })).toBe(null);
});

test.each(["0.0.0.0", "::", "192.0.2.1", "example.com"])("%s needs TLS or the operator's word", (host) => {
  expect(refused(host)).toBe("HUB_INSECURE_LISTEN");
  expect(refused(host, { hasTls: true })).toBe(null);
  expect(refused(host, { insecure: true })).toBe(null);
  expect(refused(host, { dev: true, hasTls: true })).toBe("HUB_INSECURE_LISTEN");
});
