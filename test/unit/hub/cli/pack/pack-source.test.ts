/** Where a pack lies, as people write it. */
import { describe, expect, test } from "vitest";
import { packSource } from "../../../../../hub/cli/pack/pack-source.ts";
import { withoutSecrets } from "../../../../../shared/url-secrets.ts";

const url = (word: string) => {
  const source = packSource(word);
  return source.kind === "path" ? source.path : [source.url, source.ref, source.name, source.shownAs];
};

test.for([
  ["packs/mypack", "packs/mypack"],
  ["mypack-1.0.tar.gz", "mypack-1.0.tar.gz"],
  ["a=b", "a=b"],
  ["https://h/g/p.git", ["https://h/g/p.git", null, "p", "https://h/g/p.git"]],
  ["https://h/g/p=v1.2", ["https://h/g/p", "v1.2", "p", "https://h/g/p"]],
  ["https://u:se=cr@h/g/p.git", ["https://u:se=cr@h/g/p.git", null, "p", "https://h/g/p.git"]],
  ["https://u:s@h/p.git/=main", ["https://u:s@h/p.git/", "main", "p", "https://h/p.git/"]],
  ["https://h/p=feature/new", ["https://h/p", "feature/new", "p", "https://h/p"]],
  ["https://h/p?token=abc", ["https://h/p?token=abc", null, "p", "https://h/p"]],
  ["git@h:g/p.git=1.0.0", ["git@h:g/p.git", "1.0.0", "p", "git@h:g/p.git"]],
  ["file:///srv/p.git", ["file:///srv/p.git", null, "p", "file:///srv/p.git"]],
] as const)("%s", ([word, expected]) => {
  expect(url(word)).toEqual(expected);
});

describe("refuses", () => {
  test.for([
    ["ext::sh -c evil", "path"],
    ["ext://h/p", "is no URL of a git repository"],
    ["https://u:secret@h/p.tar.gz", "https://h/p.tar.gz is an archive"],
    ["https://h/p=-evil", "names no branch"],
  ] as const)("%s", ([word, message]) => {
    // Git's transports that run programs need two colons, which is a path here, and there is none of that name.
    if (message === "path") expect(packSource(word).kind).toBe("path");
    else {
      expect(() => packSource(word)).toThrow(message);
      expect(() => packSource(word)).not.toThrow("secret");
    }
  });
});

test("secrets are taken out of whatever git says", () => {
  expect(withoutSecrets("unable to access 'https://u:p@ss@h/p.git/?t=x': 403, see http://a@b/c")).toBe(
    "unable to access 'https://h/p.git/': 403, see http://b/c",
  );
});
