import { expect, test } from "vitest";
import { UnreadablePaths } from "../../../../agent/watch/unreadable.ts";

test("a path is warned of once for each reason, and forgotten once it could be read", () => {
  const warned: string[] = [];
  const unreadable = new UnreadablePaths((path, code) => warned.push(`${path} ${code}`));
  unreadable.note("/a", "EACCES");
  unreadable.note("/a", "EACCES");
  unreadable.note("/a", "EIO");
  expect(warned).toEqual(["/a EACCES", "/a EIO"]);
  expect([...unreadable.entries()]).toEqual([["/a", "EIO"]]);
  unreadable.forget("/a");
  unreadable.note("/a", "EIO");
  expect(warned).toHaveLength(3);
});

test("after a look at everything below a folder, what was not noted anew there is forgotten", () => {
  const unreadable = new UnreadablePaths(() => {});
  for (const path of ["/a/1", "/a/2", "/ab", "/a/x"]) unreadable.note(path, "EACCES");
  const has = (...paths: readonly string[]) => paths.filter((path) => unreadable.hasWithin(path));
  expect(has("/", "/a", "/a/1", "/a/1/z", "/ab", "/b")).toEqual(["/", "/a", "/a/1", "/ab"]);
  const looked = unreadable.lookingWithin("/a", (path) => path !== "/a/x");
  unreadable.note("/a/2", "EACCES");
  // By somebody else meanwhile: it may have been passed already.
  unreadable.note("/a/3", "EIO");
  looked();
  expect([...unreadable.entries()].map(([path]) => path).sort()).toEqual(["/a/2", "/a/3", "/a/x", "/ab"]);
  unreadable.forget("/ab");
  unreadable.forget("/never");
  expect(has("/", "/ab")).toEqual(["/"]);
  unreadable.lookingWithin("/")();
  expect([has("/", "/a", "/a/2"), unreadable.size]).toEqual([[], 0]);
});
