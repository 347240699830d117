/** Settings of the store that note which keys there are in files beside it: one that is noted is never made anew. */

/** The fleet's root key, once there is a fleet. */
export const rootSetting = "fleet_root";
/** The datastore's key. Earlier versions wrote `true`, which tells of any. */
export const sealedSetting = "had_datastore_key";
