// The registry of shipped suppression sets, for `--known-noise`. Why each entry is noise, and where that is documented,
// stands above it in its file.

/** One set of suppressions for noise that is not the user's. */
export interface KnownNoise {
  /** The word of `--known-noise`. */
  readonly name: string;
  /** Name of the file in `analyze/suppressions`, in the package in `dist/suppressions`. */
  readonly file: string;
  readonly summary: string;
}

/** In the order in which help lists them. */
export const knownNoise: readonly KnownNoise[] = [
  { name: 'glibc', file: 'glibc.supp', summary: 'what glibc keeps for the life of the process' },
  { name: 'ld.so', file: 'ld.so.supp', summary: 'what the dynamic loader keeps of loaded libraries' },
  { name: 'glib', file: 'glib.supp', summary: 'types, quarks and names of GLib and GObject' },
  { name: 'openssl-1.0', file: 'openssl-1.0.supp', summary: 'random numbers of OpenSSL before 1.1' },
];
