/** What is used of postject, which brings no types along. */
declare module "postject" {
  export function inject(
    program: string,
    resource: string,
    content: Uint8Array,
    options: { readonly sentinelFuse: string },
  ): Promise<void>;
}
