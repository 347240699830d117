/** When a certificate is to be renewed. Pure. */

export type CertificateAge = "fresh" | "due" | "over";

/** Renewed at two thirds of its life: what fails then has a third of it to be mended. All in ms, hub time. */
export function certificateAge(
  { issuedAt, notAfter }: { readonly issuedAt: number; readonly notAfter: number },
  now: number,
): CertificateAge {
  if (now >= notAfter) return "over";
  return now >= issuedAt + ((notAfter - issuedAt) * 2) / 3 ? "due" : "fresh";
}

const longestMs = 3_600_000;
const shortestMs = 1_000;

/** Until somebody should look again: often enough for a short life, and at least once an hour. */
export function lookAgainMs({
  issuedAt,
  notAfter,
}: {
  readonly issuedAt: number;
  readonly notAfter: number;
}): number {
  return Math.min(longestMs, Math.max(shortestMs, (notAfter - issuedAt) / 30));
}
