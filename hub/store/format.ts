/** Of everything the hub keeps; raised when a change of the layout needs a migration (see `migrations.ts`). */
export const storeFormat = 7;
