// What the reader chose, kept in the address: `#profile?m=Ir&up=1`. A link to it shows the same.
import { useCallback, useEffect, useState } from 'preact/hooks';

/** The address in two parts: which part of the page, and what is chosen there. */
export interface Place {
  readonly part: string;
  readonly choices: URLSearchParams;
}

/** Browsers allow only so many changes of the address in a time; what is chosen holds all the same. */
let current: string | undefined;
/** So that a reader who goes from part to part stays at the same process and measure. */
let kept = '';
const listeners = new Set<() => void>();

/** Parts of the page that are about a profile. */
const parts: readonly string[] = ['profile', 'functions', 'source'];

function read(): string {
  return current ?? location.hash.slice(1);
}

/** The reader came to an address: by a link, which keeps what was chosen, or back to one that says itself what is. */
function arrive(): void {
  current = undefined;
  const hash = read();
  const end = hash.indexOf('?');
  if (history.state === null) {
    if (end < 0 && kept !== '' && parts.includes(hash)) {
      current = `${hash}?${kept}`;
      write(current, false);
      return;
    }
    write(hash, false);
  }
  kept = end < 0 ? '' : hash.slice(end + 1);
}

function write(hash: string, inHistory: boolean): void {
  const address = hash === '' ? location.pathname : `#${hash}`;
  try {
    if (inHistory) history.pushState('seen', '', address);
    else history.replaceState('seen', '', address);
    current = undefined;
  } catch {
    // Too many changes in a short time.
  }
}

function placeOf(hash: string): Place {
  const end = hash.indexOf('?');
  const choices = new URLSearchParams(end < 0 ? '' : hash.slice(end + 1));
  try {
    return { part: decodeURIComponent(end < 0 ? hash : hash.slice(0, end)), choices };
  } catch {
    return { part: '', choices };
  }
}

/** Before the page is first drawn. */
export function startPlaces(): void {
  arrive();
}

/** Where the reader is. */
export function usePlace(): Place {
  const [hash, setHash] = useState(read);
  useEffect(() => {
    const listen = (): void => setHash(read());
    const follow = (): void => {
      arrive();
      listen();
    };
    listeners.add(listen);
    addEventListener('hashchange', follow);
    addEventListener('popstate', follow);
    return () => {
      listeners.delete(listen);
      removeEventListener('hashchange', follow);
      removeEventListener('popstate', follow);
    };
  }, []);
  return placeOf(hash);
}

/** Changes of what is chosen; undefined takes a choice back. */
export type Choose = (changes: Readonly<Record<string, string | undefined>>, inHistory?: boolean) => void;

/** @param part where the choices belong; the reader is there afterwards. */
export function useChoose(part: string): Choose {
  return useCallback(
    (changes, inHistory = false) => {
      const { choices } = placeOf(read());
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === '') choices.delete(name);
        else choices.set(name, value);
      }
      const words = choices.toString();
      kept = words;
      current = words === '' ? part : `${part}?${words}`;
      write(current, inHistory);
      for (const listen of listeners) listen();
    },
    [part],
  );
}
