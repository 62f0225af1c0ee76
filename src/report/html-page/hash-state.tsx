// What the reader chose, kept in the address: `#profile?m=Ir&up=1`. A link to it shows the same.
import { useCallback, useEffect, useState } from 'preact/hooks';

/** The address in two parts: which part of the page, and what is chosen there. */
export interface Place {
  readonly part: string;
  readonly choices: URLSearchParams;
}

/** Browsers allow only so many changes of the address in a time; what is chosen holds all the same. */
let current: string | undefined;
const listeners = new Set<() => void>();

function read(): string {
  return current ?? location.hash.slice(1);
}

/** So that a reader who goes from part to part stays at the same process and measure. */
let kept = '';

function placeOf(hash: string): Place {
  const end = hash.indexOf('?');
  if (end >= 0) kept = hash.slice(end + 1);
  const choices = new URLSearchParams(kept);
  try {
    return { part: decodeURIComponent(end < 0 ? hash : hash.slice(0, end)), choices };
  } catch {
    return { part: '', choices };
  }
}

/** Where the reader is. */
export function usePlace(): Place {
  const [hash, setHash] = useState(read);
  useEffect(() => {
    const listen = (): void => setHash(read());
    const follow = (): void => {
      current = undefined;
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
      try {
        if (inHistory) history.pushState(null, '', `#${current}`);
        else history.replaceState(null, '', `#${current}`);
        current = undefined;
      } catch {
        // Too many changes in a short time.
      }
      for (const listen of listeners) listen();
    },
    [part],
  );
}
