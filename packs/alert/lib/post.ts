/** One POST of JSON. */
import { type Told, why, withinMs } from "./alert.ts";

/** Follows no redirection: what is secret in a request is for one address only. */
export async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Told> {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    return [false, "The configured url is no http or https URL."];
  const { host } = new URL(url);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(withinMs),
    });
    await response.body?.cancel();
    const { status } = response;
    return response.ok ? [true, { status, host }] : [false, `${host} answers with status ${status}`];
  } catch (error) {
    return [false, `${host}: ${why(error)}`];
  }
}
