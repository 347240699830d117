/** What an operator switches on or off in packs, whatever their files say (st2 docs, Pack overrides). */

/** Parts of a pack that can be switched. */
export const overridableKinds = ["sensors", "actions", "rules", "aliases"] as const;
export type OverridableKind = (typeof overridableKinds)[number];

export interface KindOverrides {
  /** Of everything of this kind; absent: as each file says. */
  readonly defaults?: { readonly enabled?: boolean };
  /** By name (of a sensor: its class), over the defaults. */
  readonly exceptions?: { readonly [name: string]: { readonly enabled?: boolean } };
}

/** One file of StackStorm's `overrides/`. */
export type Overrides = { readonly [kind in OverridableKind]?: KindOverrides };

/** Names the overrides of all packs, which are below those of each; no pack may be called so. */
export const globalOverrides = "_global";

/** All overrides: by pack, and `_global`. */
export type OverrideBook = { readonly [name: string]: Overrides };

/** What a pack's files say of parts that overrides switch otherwise. */
export interface Published {
  readonly kind: OverridableKind;
  readonly ref: string;
  readonly enabled: boolean;
}
