import { expect, test } from "vitest";
import { partOf } from "../../../../agent/watch/part.ts";

test.each([
  { pattern: "/etc/ssh", fits: ["/etc/ssh", "/etc/ssh/a", "/etc/ssh/a/b"], not: ["/etc", "/etc/sshd"] },
  { pattern: "/etc/**", fits: ["/etc/a", "/etc/a/b"], not: ["/etc", "/usr/a"] },
  { pattern: "/etc/*.conf", fits: ["/etc/a.conf", "/etc/d.conf/x"], not: ["/etc/d/a.conf", "/etc/a"] },
  { pattern: "*.conf", fits: ["/a.conf", "/etc/d/a.conf"], not: ["/etc/d/a"] },
])("$pattern is what it fits, and what is below that", ({ pattern, fits, not }) => {
  const { only, mayEnter } = partOf(pattern);
  for (const path of fits) {
    expect([path, only(path)]).toEqual([path, true]);
    // Whatever counts is reached: each folder above it is entered.
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      expect([path, mayEnter(path.slice(0, at))]).toEqual([path, true]);
    }
    expect(mayEnter("/")).toBe(true);
  }
  for (const path of not) expect([path, only(path)]).toEqual([path, false]);
});

test("folders in which nothing can fit are not entered; without a pattern all are", () => {
  expect(partOf("/etc/ssh/*").mayEnter("/usr")).toBe(false);
  expect(partOf("/etc/*").mayEnter("/etc/ssh")).toBe(true);
  expect(partOf(null).mayEnter("/usr")).toBe(true);
  expect(partOf(null).only("/")).toBe(true);
});
