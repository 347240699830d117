/** What names this hub to its store and its broker. */
import type { Store } from "./store.ts";

/** Made once, and the same after every restart. */
export async function hubName(
  store: Pick<Store, "setting" | "putSetting">,
  newId: () => string,
): Promise<string> {
  const known = await store.setting("hub");
  if (typeof known === "string") return known;
  const name = `hub-${newId().toLowerCase()}`;
  await store.putSetting("hub", name);
  return name;
}
