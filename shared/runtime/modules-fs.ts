/** How a binary finds its own modules: those that begin with `petrel:` are in it, all others are where Node looks. */
import { registerHooks } from "node:module";
import { constants, Script } from "node:vm";
import { assetBytes } from "./binary-fs.ts";
import { compiledPath, pathOf, scheme } from "./contents.ts";

/** Packs import with the loader of the program, too: the sensor of pack `watch` is one of the agent's modules. */
export function findOwnModules(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const isOwn =
        specifier.startsWith(scheme) || (specifier.startsWith(".") && isOwnModule(context.parentURL));
      if (!isOwn) return next(specifier, context);
      return {
        url: compiledPath(new URL(specifier, context.parentURL).href),
        format: "module",
        shortCircuit: true,
      };
    },
    load(url, context, next) {
      if (!isOwnModule(url)) return next(url, context);
      return { format: "module", source: assetBytes(pathOf(new URL(url))), shortCircuit: true };
    },
  });
}

const isOwnModule = (url: string | undefined) => url?.startsWith(scheme) === true;

/** From the main script of a binary Node imports nothing but its own modules: this takes the loader that files have. */
export const importModule = new Script("(url) => import(url)", {
  filename: process.execPath,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
}).runInThisContext() as (url: string) => Promise<unknown>;
