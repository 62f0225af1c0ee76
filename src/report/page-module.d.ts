// What an import that ends in `?page` gives: see scripts/page-plugin.mjs.
declare module '*?page' {
  /** One classic script. */
  export const script: string;
  export const style: string;
  /** The licences of what is bundled into the script. */
  export const notices: string;
}
