import { describe, expect, test } from "vitest";
import { claimedUser, presentedKey } from "../../../../hub/http/presented-key.ts";

describe("the API key of a request", () => {
  test.each([
    [{ authorization: "Bearer k1" }, "k1"],
    [{ authorization: "bearer  k1" }, "k1"],
    [{ "st2-api-key": "k2" }, "k2"],
    [{ authorization: "Bearer k1", "st2-api-key": "k2" }, "k1"],
    [{ authorization: "Basic k1" }, null],
    [{ authorization: "Bearer " }, null],
    [{ authorization: "Bearer a b" }, null],
    [{ "st2-api-key": "" }, null],
    [{}, null],
  ])("in %j is %j", (headers, key) => {
    expect(presentedKey(headers)).toBe(key);
  });
});

describe("whom the holder of the local key acts for", () => {
  test.each([
    ["ann", "ann"],
    ["_apt", "_apt"],
    ["a b", null],
    ["", null],
    [undefined, null],
    ["x".repeat(65), null],
  ])("%j is %j", (name, user) => {
    expect(claimedUser({ "petrel-user": name })).toBe(user);
  });
});
