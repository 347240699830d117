/** `petrel version` */
import { withExample } from "../../../shared/cli/program-cli.ts";
import { version } from "../../../shared/version.ts";
import { hubProduct } from "../../install/product.ts";
import { storeFormat } from "../../store/format.ts";
import type { NounCommands } from "../context-cli.ts";

export const versionCommand: NounCommands = (noun, context) => {
  withExample(noun, "petrel version --json").action((_options, self) =>
    context.say(self, version, {
      program: hubProduct.program,
      version,
      node: process.versions.node,
      store_format: storeFormat,
    }),
  );
};
