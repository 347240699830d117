/** Where a pack lies, as people write it: a path, or the URL of a git repository. Pure. */
import { PetrelError } from "../../../shared/errors.ts";
import { withoutSecrets } from "../../../shared/url-secrets.ts";

export type PackSource =
  /** A folder or an archive: told by looking at it. */
  | { readonly kind: "path"; readonly path: string }
  | {
      readonly kind: "git";
      /** For git; it may hold a password. */
      readonly url: string;
      /** Branch, tag or commit; `null`: the repository's own choice. */
      readonly ref: string | null;
      /** The repository's name. */
      readonly name: string;
      /** For people: without user, password and query. */
      readonly shownAs: string;
    };

/** Git's other transports run programs; nobody needs them for a pack. */
const schemes = new Set(["http:", "https:", "ssh:", "git:", "file:"]);

/** Reads one argument of `pack install`. Throws CLI_USAGE for a URL that is no repository's. */
export function packSource(word: string): PackSource {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(word);
  // What scp and git understand, too: git@host:group/pack.git
  const isScp = !isUrl && /^[\w.-]+@[\w.-]+:(?!\/\/)/.test(word);
  if (!isUrl && !isScp) return { kind: "path", path: word };
  // The last `=`, unless it stands in a user's password or in a query.
  const [, url = word, ref] = /^([^?#]+)=([^=:@?&#]+)$/.exec(word) ?? [];
  if (isUrl) checkUrl(url);
  const shownAs = isUrl ? withoutSecrets(url) : url;
  const name = (shownAs.replace(/\/+$/, "").split(/[/:]/).at(-1) ?? "").replace(/\.git$/, "");
  if (ref?.startsWith("-") === true || /\s/.test(word)) {
    throw new PetrelError("CLI_USAGE", `'${shownAs}' names no branch, tag or commit behind its '='`, {
      hint: "write it as https://HOST/PACK.git=v1.2.0",
    });
  }
  return { kind: "git", url, ref: ref ?? null, name: name === "" ? "pack" : name, shownAs };
}

function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !schemes.has(parsed.protocol)) {
    throw new PetrelError("CLI_USAGE", `'${withoutSecrets(url)}' is no URL of a git repository`, {
      hint: "write https://, http://, ssh://, git:// or file://, or USER@HOST:PATH",
    });
  }
  if (/\.(?:tar|tgz|tar\.\w+|zip)$/.test(parsed.pathname)) {
    throw new PetrelError("CLI_USAGE", `${withoutSecrets(url)} is an archive, no git repository`, {
      hint: "fetch it first (curl -LO URL), then install the file",
    });
  }
}
