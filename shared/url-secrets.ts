/** Texts with URLs in them, for people to read. Pure. */

/** The text without the secrets of any URL in it: users, passwords, queries. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(
    /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s'"]*)/gi,
    (_all, scheme: string, rest: string) => {
      const [place = ""] = rest.split(/[?#]/);
      const end = place.lastIndexOf("@");
      return `${scheme}${end < 0 ? place : place.slice(end + 1)}`;
    },
  );
}
