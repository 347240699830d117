/** Where pip looks: in no command line stands what may hold a password. */
import { expect, it } from "vitest";
import { indexOptions, indexVariables } from "../../../../agent/packs/virtualenv.ts";

it.each([
  [null, [], {}],
  ["/srv/wheels", ["--no-index", "--find-links", "/srv/wheels"], {}],
  [
    "https://me:secret@pypi.example.org/simple",
    [],
    { PIP_INDEX_URL: "https://me:secret@pypi.example.org/simple" },
  ],
])("%s", (index, options, variables) => {
  expect(indexOptions(index)).toEqual(options);
  expect(indexVariables(index)).toEqual(variables);
});
