import { describe, expect, test } from "vitest";
import { keyChecker, presentedKey } from "../../../../hub/http/auth.ts";

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

  test("opens only when it is one of the known ones, whole", () => {
    const check = keyChecker(["first", "second"]);
    expect(["first", "second"].map(check)).toEqual([true, true]);
    expect([null, "", "firs", "first ", "First", "firstsecond"].map(check)).toEqual(Array(6).fill(false));
  });

  test("never opens when no key is known", () => {
    expect(keyChecker([])("")).toBe(false);
  });
});
