// Takes values of unknown JSON for what a format says they are: each bounded, each checked, nothing thrown.

/** Gives the value when it is one of its kind; else undefined, and the place is noted. */
export type Take<Value> = (value: unknown, place: Place) => Value | undefined;

/** Where in a line a value stands; `fault` is told of each that is not what it should be. */
export interface Place {
  /** `threads[].frames[].line` */
  readonly path: string;
  readonly fault: (path: string) => void;
}

function refuse(place: Place): undefined {
  place.fault(place.path);
}

/** A text; what is longer loses its tail, and `…` says so. */
export function text(most: number): Take<string> {
  return (value, place) => {
    if (typeof value !== 'string') return refuse(place);
    return value.length <= most ? value : `${value.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
  };
}

/** `0x1f`, at most 64 bits. */
export const address: Take<string> = (value, place) =>
  typeof value === 'string' && /^0x[\dA-Fa-f]{1,16}$/.test(value) ? value : refuse(place);

/** A whole number from `least` to `most`. */
export function whole(least = 0, most = Number.MAX_SAFE_INTEGER): Take<number> {
  return (value, place) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : refuse(place);
}

/** A number that is not negative, such as a time. */
export const amount: Take<number> = (value, place) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : refuse(place);

/** `true`; `false` is the same as nothing. */
export const flag: Take<true> = (value, place) =>
  value === true ? true : value === false ? undefined : refuse(place);

/** One of these words. */
export function word<Word extends string>(...words: readonly Word[]): Take<Word> {
  return (value, place) => words.find((each) => each === value) ?? refuse(place);
}

/** A list; elements that are not what they should be are left out, and those beyond `most`. */
export function list<Value>(most: number, take: Take<Value>): Take<readonly Value[]> {
  return (value, place) => {
    if (!Array.isArray(value)) return refuse(place);
    if (value.length > most) refuse(place);
    const inner = { ...place, path: `${place.path}[]` };
    const taken: Value[] = [];
    for (const element of value.slice(0, most)) {
      const own = take(element, inner);
      if (own !== undefined) taken.push(own);
    }
    return taken;
  };
}

/** What takes each field of a shape. */
type Fields<Shape> = {
  readonly [Key in keyof Shape]-?: Take<Exclude<Shape[Key], undefined>>;
};

/**
 * An object with these fields; others are left out, so that a later writer may say more.
 *
 * @param needed without one of them it is none.
 */
export function shape<Shape extends object>(
  needed: readonly (keyof Shape & string)[],
  fields: Fields<Shape>,
): Take<Shape> {
  const takes = Object.entries(fields) as [keyof Shape & string, Take<unknown>][];
  return (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(place);
    const taken: Record<string, unknown> = {};
    for (const [key, take] of takes) {
      if (!Object.hasOwn(value, key)) continue;
      const given = (value as Readonly<Record<string, unknown>>)[key];
      if (given === null || given === undefined) continue;
      const path = place.path === '' ? key : `${place.path}.${key}`;
      const own = take(given, { ...place, path });
      if (own !== undefined) taken[key] = own;
    }
    for (const key of needed) {
      if (taken[key] !== undefined) continue;
      place.fault(place.path === '' ? key : `${place.path}.${key}`);
      return undefined;
    }
    return taken as Shape;
  };
}
