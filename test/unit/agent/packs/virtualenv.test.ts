/** Where pip looks: in no command line stands what may hold a password. */
import { expect, it } from "vitest";
import { indexOptions, indexVariables, isForPython } from "../../../../agent/packs/virtualenv.ts";

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

it.each([
  ["home = /usr/bin\nversion = 3.11.2\n", "/usr/bin/python3.11", true],
  ["home = /usr/bin\nversion = 3.11.2\n", "/usr/bin/python3.13", false],
  ["version = 3.1.0\n", "/usr/bin/python3.11", false],
  ["version_info = 3.6.8.final.0\n", "/usr/libexec/platform-python3.6m", true],
  ["version = 3.11.2\n", "/opt/python/bin/python3", true],
  ["home = /usr/bin\n", "/usr/bin/python3.13", true],
])("a virtualenv with %j stands on %s: %s", (settings, interpreter, stands) => {
  expect(isForPython(settings, interpreter)).toBe(stands);
});
